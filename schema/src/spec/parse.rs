//! From text to a checked project.

use super::diagnostic::{Diagnostics, ErrorCode, Problem, Text, is_reference, names_a_secret};
use super::project::ProjectSpec;
use super::raw::RawSpec;
use super::tree::Node;
use super::{reader, shape, tree, validate};

/// Largest `project.yaml` in bytes. The checked project goes into payloads of at most 128 KiB.
pub const LARGEST_SPEC: usize = 48 * 1024;

impl ProjectSpec {
    /// Parses and checks the text of a `project.yaml`. `file_name` only serves the messages.
    ///
    /// # Errors
    /// All problems that could be found, at most [`Diagnostics::MOST`] of them in full, in the
    /// order of their places. No message repeats a secret.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Diagnostics> {
        // Some editors begin a file with a byte order mark. It has no width and no meaning.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (root, result) = match outer_problem(text) {
            Some(problem) => (None, Err(vec![problem])),
            None => read(text),
        };
        result.map_err(|problems| {
            let secrets = root.as_ref().map(secrets).unwrap_or_default();
            Diagnostics::new(file_name, &Text::new(text, &secrets), problems)
        })
    }
}

/// What can be said without reading.
fn outer_problem(text: &str) -> Option<Problem> {
    let nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.len() > LARGEST_SPEC {
        let message = format!("the file is too large: {} bytes", text.len());
        let problem = Problem::new(ErrorCode::File, 0..0, message);
        let problem = problem.expected(format!("at most {LARGEST_SPEC} bytes"));
        return Some(problem.help("long prompts and data belong in files of their own"));
    }
    if text.lines().all(nothing) {
        let problem = Problem::new(ErrorCode::File, 0..0, "the file is empty");
        let problem = problem.expected("a project that begins with `name:`");
        return Some(problem.help("`empiric init` writes a project that runs"));
    }
    None
}

type Read = (Option<Node>, Result<ProjectSpec, Vec<Problem>>);

fn read(text: &str) -> Read {
    let (root, mut problems) = tree::read(text);
    let Some(root) = root else {
        return (None, Err(problems));
    };
    let (value, misfits) = reader::read(&root, shape::root());
    problems.extend(misfits);
    let spec = match serde_json::from_value::<RawSpec>(value) {
        Ok(raw) => {
            let (spec, faults) = validate::validate(&root, raw);
            problems.extend(faults);
            spec
        }
        Err(error) => {
            // The reader lets nothing through that the raw types refuse; should it ever, say so.
            let message = format!("the file cannot be read: {error}");
            problems.push(Problem::new(ErrorCode::WrongType, root.range.clone(), message));
            None
        }
    };
    match spec {
        Some(spec) if problems.is_empty() => (Some(root), Ok(spec)),
        _ => (Some(root), Err(problems)),
    }
}

/// The places of values that look like secrets by their keys.
fn secrets(root: &Node) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    root.visit_entries(&mut |key, value| {
        let secret = key.text().is_some_and(names_a_secret);
        if secret && value.text().is_some_and(|text| !is_reference(text)) {
            ranges.push(value.range.clone());
        }
    });
    ranges
}

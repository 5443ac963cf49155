//! What no schema can say: how the parts of a project fit together.
//!
//! Each function turns one raw part into its typed part. `None` means that something was missing
//! or wrong and that a problem is reported, here or by the reader.

mod assertion;
mod grader;
mod model;
mod people;
mod rollout;
mod rules;
mod scope;

use super::diagnostic::{ErrorCode, Problem};
use super::project::ProjectSpec;
use super::raw::{Listed, RawSpec, Text};
use super::tree::Node;
use crate::source::SourceRef;

/// Checks a raw project. The project is `None` whenever there are problems, and may be so without
/// one if the reader has left out a part.
pub(super) fn validate(root: &Node, raw: RawSpec) -> (Option<ProjectSpec>, Vec<Problem>) {
    let mut checker = Checker { root, problems: Vec::new() };
    let spec = checker.project(raw);
    (spec.filter(|_| checker.problems.is_empty()), checker.problems)
}

struct Checker<'a> {
    root: &'a Node,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn project(&mut self, raw: RawSpec) -> Option<ProjectSpec> {
        let name = self.name(raw.name);
        let task = raw.scope.as_ref().and_then(|scope| scope.task);
        let evaluate = self.evaluate(raw.evaluate, task);
        let scope = self.scope(raw.scope);
        let data = self.data(raw.data);
        let models = self.models(raw.models);
        let monitor = raw.monitor.map(|monitor| self.monitor(monitor, task));
        self.drift_needs(monitor.as_ref(), raw.embedder.as_ref());
        let embedder = raw.embedder.map(|embedder| self.embedder(embedder));
        let system = self.system(raw.system, models.as_deref());
        let improve = self.improve(raw.improve.unwrap_or_default());
        self.prerequisites(&improve, data.as_ref(), models.as_deref(), embedder.is_some());
        let gate = rules::gate(raw.gate.unwrap_or_default());
        let budget = self.budget(raw.budget.unwrap_or_default());
        let resources = self.resources(raw.resources.unwrap_or_default());
        let deploy = raw.deploy.map(|deploy| self.deploy(deploy));
        let people = self.people(raw.people.unwrap_or_default());
        Some(ProjectSpec {
            name: name?,
            description: raw.description.unwrap_or_default(),
            scope: scope?,
            data: data?,
            models: models?,
            embedder: all_or_none(embedder)?,
            system: system?,
            evaluate: evaluate?,
            improve,
            gate,
            budget,
            resources,
            deploy: all_or_none(deploy)?,
            monitor,
            people,
        })
    }

    /// A problem at a pointer such as `/models/0/id`.
    fn problem(&self, code: ErrorCode, pointer: &str, message: impl Into<String>) -> Problem {
        Problem::new(code, self.root.locate(pointer), message)
    }

    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn name(&mut self, name: Option<String>) -> Option<String> {
        let name = name?;
        if is_project_name(&name) {
            return Some(name);
        }
        let message = format!("`{name}` cannot be the project's name");
        let expected = "1 to 63 lower-case letters, digits and hyphens, no hyphen at either end";
        let problem = self.problem(ErrorCode::Name, "/name", message).expected(expected);
        let proposal = proposed_name(&name);
        self.report(match proposal.as_str() {
            "" => problem,
            proposal => problem.help(format!("write `{proposal}`")),
        });
        None
    }

    fn source(&mut self, pointer: &str, text: Option<String>) -> Option<SourceRef> {
        let text = text?;
        match SourceRef::parse(&text) {
            Ok(source) => Some(source),
            Err(error) => {
                let message = format!("this is not a source: {}", error.reason);
                let problem = self.problem(ErrorCode::Source, pointer, message);
                let problem = problem.expected(error.expected);
                let looks_like_a_path = !text.is_empty() && !text.contains("://");
                self.report(match looks_like_a_path {
                    true => problem.help(format!("a file of the project is `file://{text}`")),
                    false => problem,
                });
                None
            }
        }
    }

    /// Reports every text that stands in the list a second time.
    fn unique(&mut self, pointer: &str, what: &str, texts: &[Option<String>]) {
        for (at, text) in texts.iter().enumerate() {
            let first = texts.iter().position(|other| other == text);
            if let (Some(text), Some(first)) = (text, first.filter(|first| *first < at)) {
                let place = pointer.replace('#', &at.to_string());
                let message = format!("the {what} `{text}` is used twice");
                let problem = self.problem(ErrorCode::DuplicateName, &place, message);
                let help = format!("it is also entry {} of the list", first + 1);
                self.report(problem.expected(format!("a {what} of its own")).help(help));
            }
        }
    }
}

/// `Some(None)` for a part that is not there, `None` for one that is wrong.
fn all_or_none<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(part) => part.map(Some),
    }
}

/// The entries that fitted, as plain texts.
fn texts(listed: Listed<Text>) -> Vec<String> {
    listed.into_iter().flatten().map(|text| text.0).collect()
}

/// Whether a project may be called so: 1 to 63 lower-case letters, digits and hyphens, no hyphen at
/// either end.
pub fn is_project_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = !name.starts_with('-') && !name.ends_with('-');
    (1..=63).contains(&name.len()) && edge && name.chars().all(inner)
}

fn proposed_name(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }
    };
    let text: String = name.chars().map(plain).take(63).collect();
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

//! Problems in a text, each with its place, what was expected and what to do.

mod code;
mod render;
mod text;

use std::ops::Range;

pub use code::ErrorCode;
pub use text::{Excerpt, Position};
pub(crate) use text::{Text, is_reference, names_a_secret, redact};

/// A problem before its place is looked up.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: ErrorCode,
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) expected: String,
    pub(crate) help: Vec<String>,
}

impl Problem {
    pub(crate) fn new(code: ErrorCode, range: Range<usize>, message: impl Into<String>) -> Self {
        let (expected, help) = (String::new(), Vec::new());
        Self { code, range, message: message.into(), expected, help }
    }

    /// Says what would be right.
    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Names the nearest of the choices, if one is near.
    pub(crate) fn nearest<'a>(self, text: &str, choices: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(text, choices) {
            Some(choice) => self.help(format!("did you mean `{choice}`?")),
            None => self,
        }
    }
}

/// The choice that a writer most probably meant.
pub(crate) fn nearest<'a>(text: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let text = plain(text);
    let scored = choices.into_iter().map(|choice| {
        let distance = strsim::damerau_levenshtein(&text, &plain(choice));
        (distance, choice)
    });
    let (distance, choice) = scored.min_by_key(|(distance, _)| *distance)?;
    let most = (text.chars().count().max(choice.chars().count()) / 3).max(1);
    (distance <= most).then_some(choice)
}

/// One problem in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of problem.
    pub code: ErrorCode,
    /// What is wrong, in one line, lower case, no full stop.
    pub message: String,
    /// Where the offending text starts.
    pub position: Position,
    /// The offending text in its line.
    pub excerpt: Excerpt,
    /// What would be right. May be empty.
    pub expected: String,
    /// What to do, one hint each.
    pub help: Vec<String>,
}

impl Diagnostic {
    pub(crate) fn new(text: &Text<'_>, problem: Problem) -> Self {
        let position = text.position(problem.range.start);
        let line = text.line(position.line);
        let width = text.width(&problem.range);
        Self {
            code: problem.code,
            message: redact(&problem.message),
            position,
            excerpt: Excerpt::cut(line, position.column - 1, width),
            expected: redact(&problem.expected),
            help: problem.help.iter().map(|help| redact(help)).collect(),
        }
    }

    /// A problem of one line alone, whose range counts from the line's start. Only what is near
    /// the problem is kept: a line of data may be long.
    pub(crate) fn of_line(number: usize, line: &str, problem: Problem) -> Self {
        const NEAR: usize = 2000;
        let mut from = problem.range.start.min(line.len()).saturating_sub(NEAR);
        while !line.is_char_boundary(from) {
            from -= 1;
        }
        let near: String = line[from..].chars().take(2 * NEAR).collect();
        let range = problem.range.start - from..problem.range.end - from;
        let mut diagnostic = Self::new(&Text::new(&near, &[]), Problem { range, ..problem });
        let before = line[..from].chars().count();
        diagnostic.position.line = number;
        diagnostic.position.column += before;
        diagnostic
    }
}

/// All problems of one file, in the order of their places. Never empty.
///
/// Its display is the form that people read: one block for each problem, and their number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The problems that were kept.
    pub problems: Vec<Diagnostic>,
    /// How many more there were.
    pub omitted: usize,
}

impl Diagnostics {
    /// Most problems that are kept: nobody mends more at once.
    pub const MOST: usize = 20;

    pub(crate) fn new(file: &str, text: &Text<'_>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.range.start);
        let omitted = problems.len().saturating_sub(Self::MOST);
        let kept = problems.into_iter().take(Self::MOST);
        Self {
            file: file.to_owned(),
            problems: kept.map(|problem| Diagnostic::new(text, problem)).collect(),
            omitted,
        }
    }
}

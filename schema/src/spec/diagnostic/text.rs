//! A text with positions: from byte offsets to lines and columns, with secrets masked.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Values of keys that name secrets, credentials in addresses, and keys of well-known shape.
static SECRETS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let key = r#"(?i)(?:api[_-]?key|secret|passw(?:or)?d|access[_-]?token)\w*["']?\s*[:=]\s*(?:[|>][+-]?\s*)?("[^"]*"?|'[^']*'?|[^\s,}\]]+)"#;
    let address = r"(?i)\b(?:https?|s3|wss?)://([^/\s@]+)@[^/\s]";
    let shape = r"\b((?:sk|pk|hf|ghp|glpat|xoxb)[-_][A-Za-z0-9_-]{16,})";
    // The expressions are constants that the tests compile, so none is lost here.
    [key, address, shape].iter().filter_map(|text| Regex::new(text).ok()).collect()
});

/// Whether a key's name says that its value is a secret.
pub(crate) fn names_a_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    ["api_key", "apikey", "secret", "password", "passwd", "access_token"]
        .iter()
        .any(|word| key.contains(word))
}

/// Whether a value only says where a secret is.
pub(crate) fn is_reference(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    value.starts_with("env://") || value.starts_with("file://")
}

/// The byte ranges of a text that look like secrets.
fn secret_ranges(text: &str) -> Vec<Range<usize>> {
    let groups = SECRETS.iter().flat_map(|regex| regex.captures_iter(text));
    let found = groups.filter_map(|captures| captures.get(1));
    found.filter(|group| !is_reference(group.as_str())).map(|group| group.range()).collect()
}

/// Replaces every character of the ranges by `*`; lines and columns stay as they are.
fn mask(text: &str, ranges: &[Range<usize>]) -> String {
    let hidden = |at: usize| ranges.iter().any(|range| range.contains(&at));
    let shown = |(at, c): (usize, char)| if c != '\n' && hidden(at) { '*' } else { c };
    text.char_indices().map(shown).collect()
}

/// A message that may be printed: without what looks like a secret, without control characters.
pub(crate) fn redact(text: &str) -> String {
    let ranges = secret_ranges(text);
    mask(text, &ranges).chars().map(printable).collect()
}

/// Where something stands: lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// A text whose places can be shown.
pub(crate) struct Text<'a> {
    text: &'a str,
    masked: String,
}

impl<'a> Text<'a> {
    /// Looks for secrets by their form; `more` are ranges known to be secret.
    pub(crate) fn new(text: &'a str, more: &[Range<usize>]) -> Self {
        let mut ranges = secret_ranges(text);
        ranges.extend_from_slice(more);
        Self { text, masked: mask(text, &ranges) }
    }

    /// The nearest place that has a character, so that a problem "at the end" can be shown.
    fn clamp(&self, offset: usize) -> usize {
        let end = self.text.trim_end().char_indices().next_back().map_or(0, |(at, _)| at);
        let mut offset = offset.min(end);
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The line and column of a byte offset.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = &self.text[..self.clamp(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// A line, from 1, with its secrets masked.
    pub(crate) fn line(&self, number: usize) -> &str {
        self.masked.split('\n').nth(number.saturating_sub(1)).unwrap_or("")
    }

    /// How many characters of a range stand on its first line, at least one.
    pub(crate) fn width(&self, range: &Range<usize>) -> usize {
        let start = self.clamp(range.start);
        let end = range.end.clamp(start, self.text.len());
        let text = self.text.get(start..end).unwrap_or("");
        let first = text.split('\n').next().unwrap_or("").trim_end();
        first.chars().count().max(1)
    }
}

/// Characters of a line that are shown; longer lines are cut around the problem.
const SHOWN: usize = 140;
/// Characters that stay visible before the problem in a line that is cut.
const BEFORE: usize = 50;

/// A line, or the part of it around a problem, as it may be printed: secrets masked, one column
/// for each character, `…` where it was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// What is shown.
    pub text: String,
    /// Where the problem starts in it, in characters from 0.
    pub start: usize,
    /// How many characters the problem has, at least one.
    pub width: usize,
}

impl Excerpt {
    /// Cuts a line around `start`, in characters from 0.
    pub(crate) fn cut(line: &str, start: usize, width: usize) -> Self {
        let line = line.trim_end();
        let length = line.chars().count();
        let from = match length > SHOWN {
            true => start.saturating_sub(BEFORE),
            false => 0,
        };
        let mut text: String = line.chars().skip(from).take(SHOWN).map(printable).collect();
        let mut start = start - from;
        let width = width.min(text.chars().count().saturating_sub(start)).max(1);
        if from > 0 {
            text.insert(0, '…');
            start += 1;
        }
        if from + SHOWN < length {
            text.push('…');
        }
        Self { text, start, width }
    }
}

fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() || c == '\u{feff}' => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        assert_eq!(SECRETS.len(), 3);
    }

    #[test]
    fn literal_secrets_are_masked_and_references_are_not() {
        for (text, shown) in [
            ("api_key: abc, x: 1", "api_key: ***, x: 1"),
            ("api-key: \"a b\"", "api-key: *****"),
            ("api_key: env://KEY", "api_key: env://KEY"),
            ("https://me:pw@host/x", "https://*****@host/x"),
            ("pypi://name@1/x", "pypi://name@1/x"),
            ("x: sk-abcdefghijklmnopqrst", "x: ***********************"),
            ("max_tokens: 32", "max_tokens: 32"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn position_counts_characters_and_stays_inside() {
        let text = Text::new("ab\näöü: x\n\n", &[]);
        assert_eq!(text.position(7), Position { line: 2, column: 3 });
        assert_eq!(text.position(999), Position { line: 2, column: 6 });
        assert_eq!(Text::new("", &[]).position(5), Position { line: 1, column: 1 });
    }
}

//! Data files: one item a line.

use std::collections::HashMap;

use super::item::Item;
use super::line;
use crate::spec::{Diagnostic, Diagnostics, ErrorCode, Problem};

/// Longest line of a data file, in bytes.
pub const LONGEST_LINE: usize = 10 * 1024 * 1024;

/// Reads a JSONL file. A line is `{"id", "input", "expected", "documents"?, "tags"?, "forbidden"?}`
/// or `{"messages": [..]}`, a chat whose last message is the expected answer and whose last user
/// message is the input; earlier turns are not part of the item. An item without an id is called
/// after the file and its line, such as `dev-12`. Blank lines are skipped.
///
/// # Errors
/// All problems, at most [`Diagnostics::MOST`] of them in full. `file_name` serves the messages
/// and the ids.
pub fn read_items(file_name: &str, bytes: &[u8]) -> Result<Vec<Item>, Diagnostics> {
    let mut reader = Reader::new(file_name);
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        reader.line(at + 1, line);
    }
    reader.finish()
}

/// The canonical JSONL form: one item a line, keys in a fixed order, a line feed after each.
pub fn write_items(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in items {
        // Only maps with non-text keys can fail here, and an item has none.
        bytes.extend(serde_json::to_vec(item).unwrap_or_default());
        bytes.push(b'\n');
    }
    bytes
}

struct Reader<'a> {
    stem: &'a str,
    items: Vec<Item>,
    /// The line of each id.
    lines: HashMap<String, usize>,
    found: Diagnostics,
}

impl<'a> Reader<'a> {
    fn new(file_name: &'a str) -> Self {
        let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
        let found = Diagnostics { file: file_name.to_owned(), problems: Vec::new(), omitted: 0 };
        let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or("line");
        Self { stem, items: Vec::new(), lines: HashMap::new(), found }
    }

    fn report(&mut self, number: usize, line: &str, problem: Problem) {
        match self.found.problems.len() < Diagnostics::MOST {
            true => self.found.problems.push(Diagnostic::of_line(number, line, problem)),
            false => self.found.omitted += 1,
        }
    }

    fn line(&mut self, number: usize, bytes: &[u8]) {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.trim_ascii().is_empty() {
            return;
        }
        let text = match text(bytes) {
            Ok(text) => text,
            Err(problem) => {
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_LINE)]);
                return self.report(number, &shown, problem);
            }
        };
        match line::read(text, &format!("{}-{number}", self.stem)) {
            Ok(item) => self.keep(number, text, item),
            Err(problems) => {
                problems.into_iter().for_each(|problem| self.report(number, text, problem));
            }
        }
    }

    fn keep(&mut self, number: usize, line: &str, item: Item) {
        let id = item.id.as_str();
        if let Some(first) = self.lines.get(id) {
            let message = format!("the id `{id}` is used twice: in lines {first} and {number}");
            let at = line.find(&format!("\"{id}\"")).map(|at| at..at + id.len() + 2);
            let problem = Problem::new(ErrorCode::DataDuplicateId, at.unwrap_or(0..1), message);
            return self.report(number, line, problem.expected("an id of its own"));
        }
        self.lines.insert(id.to_owned(), number);
        self.items.push(item);
    }

    fn finish(mut self) -> Result<Vec<Item>, Diagnostics> {
        if self.items.is_empty() && self.found.problems.is_empty() {
            let problem = Problem::new(ErrorCode::DataEmptyFile, 0..0, "the file has no items");
            self.report(1, "", problem.expected(r#"lines such as `{"input": .., "expected": ..}`"#));
        }
        match self.found.problems.is_empty() {
            true => Ok(self.items),
            false => Err(self.found),
        }
    }
}

/// A line's bytes as text. Ranges of problems fit the line's lossy form.
fn text(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > LONGEST_LINE {
        let message = format!("the line is too long: {} bytes", bytes.len());
        let problem = Problem::new(ErrorCode::DataSize, 0..1, message);
        return Err(problem.expected(format!("at most {LONGEST_LINE} bytes")));
    }
    let refuse = |at: usize, what: &str| {
        let problem = Problem::new(ErrorCode::DataBytes, at..at + 1, what);
        problem.expected("text in UTF-8 without NUL bytes")
    };
    let text =
        std::str::from_utf8(bytes).map_err(|error| refuse(error.valid_up_to(), "the line is not UTF-8"))?;
    match text.find('\0') {
        Some(at) => Err(refuse(at, "the line has a NUL byte")),
        None => Ok(text),
    }
}

//! Reads items and other values from JSONL, with errors that name the line.

use std::path::{Path, PathBuf};

use empiric_schema::data::{Expected, Item};
use empiric_schema::job::ItemResult;
use serde::de::DeserializeOwned;

/// A longer line is refused: no question is that long, and it would fill the memory of every step after.
const MAX_LINE: usize = 1 << 20;

/// Why a data file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}:{line}: {reason}; expected {shape}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// What a line looks like.
        shape: &'static str,
    },
}

/// The items of a file in their order. Empty lines are skipped and do not count as positions.
///
/// # Errors
/// The file cannot be read, or a line is no item: the first such line is named.
pub fn read_items(path: &Path) -> Result<Vec<Item>, ItemsError> {
    read_lines(path, "{\"id\", \"input\", \"expected\", ..}", check_item)
}

/// The results of an evaluation in their order.
///
/// # Errors
/// The file cannot be read, or a line is no result: the first such line is named.
pub fn read_results(path: &Path) -> Result<Vec<ItemResult>, ItemsError> {
    read_lines(path, "a line of an evaluation's results", |_| Ok(()))
}

/// The values of a file with one JSON object a line, in their order. Empty lines are skipped. `shape` tells
/// people what was expected; `check` says what is wrong with a value that parses.
///
/// # Errors
/// The file cannot be read, or a line is no such value: the first such line is named.
pub fn read_lines<T: DeserializeOwned>(
    path: &Path,
    shape: &'static str,
    check: impl Fn(&T) -> Result<(), String>,
) -> Result<Vec<T>, ItemsError> {
    let bytes = std::fs::read(path).map_err(|source| ItemsError::Read { path: path.to_owned(), source })?;
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let mut values = Vec::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let wrong = |reason| ItemsError::Line { path: path.to_owned(), line: index + 1, reason, shape };
        let value = parse(line).map_err(wrong)?;
        check(&value).map_err(wrong)?;
        values.push(value);
    }
    Ok(values)
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    if line.len() > MAX_LINE {
        return Err(format!("the line has {} bytes, more than {MAX_LINE}", line.len()));
    }
    let text = std::str::from_utf8(line).map_err(|error| format!("the line is not UTF-8: {error}"))?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn check_item(item: &Item) -> Result<(), String> {
    let no_answer = match &item.expected {
        Expected::One(_) => false,
        Expected::Any(answers) => answers.is_empty(),
    };
    match () {
        () if item.input.trim().is_empty() => Err("`input` is empty".to_owned()),
        () if no_answer => Err("`expected` is an empty list".to_owned()),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Item>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.jsonl");
        std::fs::write(&path, bytes).unwrap();
        read_items(&path)
            .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn items_come_in_order_and_empty_lines_do_not_count() {
        let items = read(b"{\"id\":\"a\",\"input\":\"x\",\"expected\":\"y\"}\n\n{\"id\":\"b\",\"input\":\"x\",\"expected\":[\"y\",\"z\"]}\r\n").unwrap();
        assert_eq!(items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn bad_lines_are_named() {
        let check = |line: &[u8], expected: &str| {
            let bytes = [b"{\"id\":\"a\",\"input\":\"x\",\"expected\":\"y\"}\n", line].concat();
            let error = read(&bytes).unwrap_err();
            assert!(error.starts_with("items.jsonl:2: ") && error.contains(expected), "{error}");
        };
        check(b"{\"id\":\"b\"", "EOF while parsing");
        check(b"{\"id\":\"b\",\"input\":\"x\"}", "missing field `expected`");
        check(b"{\"id\":\"b\",\"input\":\" \",\"expected\":\"y\"}", "`input` is empty");
        check(b"{\"id\":\"b\",\"input\":\"x\",\"expected\":[]}", "`expected` is an empty list");
        check(b"\xff\xfe", "not UTF-8");
        check(b"\0", "expected value");
        check(&vec![b'a'; MAX_LINE + 1], "more than 1048576");
    }
}

//! JSONL: one JSON object a line.

use serde_json::Value;

use super::error::ImportError;
use super::table::{Row, Table};

/// Reads the objects of a file. Blank lines are skipped.
pub(super) fn read(file: &str, text: &str) -> Result<Table, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
    let rows = lines.map(|(line, text)| row(file, line, text)).collect::<Result<Vec<_>, _>>()?;
    match rows.is_empty() {
        true => Err(wrong(file, 1, "the file has no items".to_owned())),
        false => Ok(Table::of_rows(file, rows)),
    }
}

fn row(file: &str, line: usize, text: &str) -> Result<Row, ImportError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(cells)) => Ok(Row { line, cells }),
        Ok(_) => Err(wrong(file, line, "the line is not an object".to_owned())),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.split(" at line ").next().unwrap_or(&reason).to_lowercase();
            Err(wrong(file, line, format!("not JSON: {reason}")))
        }
    }
}

fn wrong(file: &str, line: usize, what: String) -> ImportError {
    let expected = r#"one object on each line, such as `{"input": .., "expected": ..}`"#.to_owned();
    ImportError::Line { file: file.to_owned(), line, what, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_with_the_blank_ones() {
        let table = read("q.jsonl", "\n{\"a\": 1}\n\n{\"b\": [2]}\r\n").unwrap();
        let lines: Vec<_> = table.rows.iter().map(|row| row.line).collect();
        assert_eq!((lines, table.columns), (vec![2, 4], vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_line_that_is_no_object_is_named() {
        for (text, told) in [
            ("{\"a\": 1}\n{\"a\":\n", "q.jsonl:2: not JSON: eof while parsing"),
            ("[1]\n", "q.jsonl:1: the line is not an object"),
            ("\n", "q.jsonl:1: the file has no items"),
        ] {
            let error = read("q.jsonl", text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}

//! CSV and TSV: the first line names the columns.

use std::collections::BTreeSet;

use csv::{ReaderBuilder, StringRecord, Trim};
use serde_json::{Map, Value};

use super::error::ImportError;
use super::table::{Row, Table};

/// Reads a file with commas, semicolons or tabs between its cells, whichever its first line has most of.
pub(super) fn read(file: &str, text: &str) -> Result<Table, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .flexible(true)
        .trim(Trim::Headers)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| broken(file, &error))?.clone();
    check_header(file, &header)?;
    let columns: Vec<String> = header.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| broken(file, &error))?;
        rows.push(row(file, &columns, &record, line(text, &record))?);
    }
    Ok(Table { file: file.to_owned(), columns, rows })
}

fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| header.bytes().filter(|byte| byte == delimiter).count();
    // The last of equals wins, so a header of one column is read with commas.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

fn check_header(file: &str, header: &StringRecord) -> Result<(), ImportError> {
    let wrong = |what: String| ImportError::Line {
        file: file.to_owned(),
        line: 1,
        what,
        expected: "a first line that gives each column a name of its own".to_owned(),
    };
    if header.iter().all(str::is_empty) {
        return Err(wrong("the file is empty".to_owned()));
    }
    let mut seen = BTreeSet::new();
    match header.iter().find(|name| !seen.insert(*name)) {
        Some("") => Err(wrong("two columns have no name".to_owned())),
        Some(name) => Err(wrong(format!("two columns are called `{name}`"))),
        None => Ok(()),
    }
}

/// The line that a record begins on. Its position is that of the blank lines before it.
fn line(text: &str, record: &StringRecord) -> usize {
    let Some(position) = record.position() else {
        return 0;
    };
    let rest = text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() as usize + blank.filter(|byte| **byte == b'\n').count()
}

fn row(file: &str, columns: &[String], record: &StringRecord, line: usize) -> Result<Row, ImportError> {
    if record.len() > columns.len() {
        return Err(ImportError::Line {
            file: file.to_owned(),
            line,
            what: format!("the row has {} cells and the first line names {}", record.len(), columns.len()),
            expected: "texts that have the separator in them to stand in double quotes".to_owned(),
        });
    }
    let cells = columns.iter().cloned().zip(record.iter().map(Value::from));
    Ok(Row { line, cells: cells.collect::<Map<_, _>>() })
}

fn broken(file: &str, error: &csv::Error) -> ImportError {
    ImportError::Line {
        file: file.to_owned(),
        line: error.position().map_or(1, |place| place.line() as usize),
        what: format!("not a table: {error}"),
        expected: "cells separated by commas, semicolons or tabs".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_know_their_lines_also_after_a_line_break_in_a_cell() {
        let table =
            read("q.csv", "\u{feff}question,answer\n\"one\ntwo\",1\n\nthree,\"a \"\"b\"\"\"\n").unwrap();
        let lines: Vec<_> = table.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 5]);
        assert_eq!(table.rows[0].cells["question"], "one\ntwo");
        assert_eq!(table.rows[1].cells["answer"], "a \"b\"");
    }

    #[test]
    fn semicolons_and_tabs_separate_too() {
        for text in ["a;b\n1,5;2\n", "a\tb\n1,5\t2\n"] {
            let table = read("q.csv", text).unwrap();
            assert_eq!((table.columns.len(), &table.rows[0].cells["a"]), (2, &Value::from("1,5")), "{text}");
        }
        assert_eq!(read("q.csv", "question\nwhy\n").unwrap().columns, ["question"]);
    }

    #[test]
    fn a_wrong_table_is_told_by_line() {
        for (text, told) in [
            ("", "q.csv:1: the file is empty"),
            ("a,a\n1,2\n", "q.csv:1: two columns are called `a`"),
            ("a,b\n1,2\n1,2,3\n", "q.csv:3: the row has 3 cells and the first line names 2"),
        ] {
            let error = read("q.csv", text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}

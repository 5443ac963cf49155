//! From a path to what it holds.

use std::path::Path;

use super::columns::ColumnNames;
use super::error::ImportError;
use super::found::{Found, Kind};
use super::{csv, folder, items, jsonl, promptfoo};

/// Reads a CSV, a JSONL, a promptfoo configuration or a folder of documents with questions.
///
/// # Errors
/// What is wrong, with its file and line, and what was expected.
pub fn read(path: &Path, names: &ColumnNames) -> Result<Found, ImportError> {
    match path.is_dir() {
        true => read_folder(path, names),
        false => read_file(path, names),
    }
}

fn read_folder(path: &Path, names: &ColumnNames) -> Result<Found, ImportError> {
    let mut found = read_file(&folder::questions(path)?, names)?;
    found.documents = folder::documents(path)?;
    found.kind = Kind::Folder;
    folder::link(&mut found, path);
    Ok(found)
}

fn read_file(path: &Path, names: &ColumnNames) -> Result<Found, ImportError> {
    let file = path.display().to_string();
    match extension(path).as_str() {
        "csv" | "tsv" => items::read(&csv::read(&file, &text(path)?)?, Kind::Csv, names),
        "jsonl" | "ndjson" => items::read(&jsonl::read(&file, &text(path)?)?, Kind::Jsonl, names),
        "yaml" | "yml" => promptfoo::read(path, &file, &text(path)?, names),
        // A file that cannot be read is told as such, whatever it is called.
        _ => text(path).and(Err(ImportError::UnknownKind { path: path.to_owned() })),
    }
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// A whole file of UTF-8 text.
fn text(path: &Path) -> Result<String, ImportError> {
    let bytes = std::fs::read(path);
    let bytes = bytes.map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ImportError::Line {
            file: path.display().to_string(),
            line: valid.iter().filter(|byte| **byte == b'\n').count() + 1,
            what: "the line is not UTF-8".to_owned(),
            expected: "text in UTF-8; `iconv -f latin1 -t utf-8 OLD > NEW` converts an old spreadsheet"
                .to_owned(),
        }
    })
}

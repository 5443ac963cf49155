//! Rows of named values: what every kind of file is read into first.

use serde_json::{Map, Value};

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Line of the file that it begins on, or the number of the entry where the file has no lines; from 1.
    pub(super) line: usize,
    /// Values by column. A column that a row does not have is absent.
    pub(super) cells: Map<String, Value>,
}

/// The rows of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// The file's name, for messages and ids.
    pub(super) file: String,
    /// All columns, in the order in which they first appear.
    pub(super) columns: Vec<String>,
    /// The rows.
    pub(super) rows: Vec<Row>,
}

impl Table {
    /// Puts rows together; columns follow from them.
    pub(super) fn of_rows(file: &str, rows: Vec<Row>) -> Self {
        let mut columns: Vec<String> = Vec::new();
        for key in rows.iter().flat_map(|row| row.cells.keys()) {
            if !columns.contains(key) {
                columns.push(key.clone());
            }
        }
        Self { file: file.to_owned(), columns, rows }
    }

    /// The file's name without folders and extension.
    pub(super) fn stem(&self) -> &str {
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file);
        name.split('.').find(|part| !part.is_empty()).unwrap_or("item")
    }
}

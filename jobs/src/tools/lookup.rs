//! `<<lookup NAME | ROW | COLUMN>>`: a cell of a table.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{CallError, ToolError};

/// Names that a message gives at most.
const NAMED: usize = 8;

/// A table by the names of its rows and columns, without regard to case and spaces.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The columns as the file names them.
    columns: Vec<String>,
    /// Each row's cells by the folded name of the row.
    rows: BTreeMap<String, Vec<String>>,
}

impl Table {
    /// Reads a CSV file with a header line; the first column names the rows.
    pub(super) fn read(path: &Path) -> Result<Self, ToolError> {
        let failed = |source| ToolError::Table { path: path.to_owned(), source };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(failed)?;
        let columns = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
        let mut rows = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(failed)?;
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            let name = fold(cells.first().map_or("", String::as_str));
            if rows.insert(name, cells).is_some() {
                let line = record.position().map_or(0, csv::Position::line);
                let row = record.get(0).unwrap_or_default().to_owned();
                return Err(ToolError::SecondRow { path: path.to_owned(), line, row });
            }
        }
        Ok(Self { columns, rows })
    }

    /// A cell.
    pub(super) fn cell(&self, row: &str, column: &str) -> Result<String, CallError> {
        let wanted = fold(column);
        let place = self.columns.iter().position(|name| fold(name) == wanted);
        let no_column = || CallError::Column { column: column.to_owned(), known: listed(&self.columns) };
        let place = place.ok_or_else(no_column)?;
        let cells = self.rows.get(&fold(row)).ok_or_else(|| CallError::Row { row: row.to_owned() })?;
        // Every record has as many cells as the header: the reader refuses others.
        Ok(cells.get(place).cloned().unwrap_or_default())
    }
}

/// Row and column of a call after the table's name.
pub(super) fn parts(call: &str) -> Option<(&str, &str, &str)> {
    let mut parts = call.split('|').map(str::trim);
    let (name, row, column) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some((name, row, column))
}

/// Names are compared without case and doubled spaces.
pub(super) fn fold(name: &str) -> String {
    name.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text = format!("{text} and {} more", names.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Table, ToolError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        Table::read(&path)
    }

    const RATES: &str =
        "band,Hourly rate,note\nH5,16.85,\"paid monthly, in arrears\"\nNight  porter,14.20,\n";

    #[test]
    fn cells_are_found_without_regard_to_case_and_spaces() {
        let table = read(RATES).unwrap();
        let cell = |row, column| table.cell(row, column).map_err(|error| error.to_string());
        assert_eq!(cell("h5", "HOURLY  rate").as_deref(), Ok("16.85"));
        assert_eq!(cell("H5", "Note").as_deref(), Ok("paid monthly, in arrears"));
        assert_eq!(cell(" night porter ", "hourly rate").as_deref(), Ok("14.20"));
        assert_eq!(cell("H9", "note").unwrap_err(), "the table has no row `H9`");
        let expected = "the table has no column `rate`; its columns are `band`, `Hourly rate`, `note`";
        assert_eq!(cell("H5", "rate").unwrap_err(), expected);
    }

    #[test]
    fn tables_that_cannot_be_read_clearly_are_refused() {
        let error = read("a,b\nx,1\nX,2\n").unwrap_err().to_string();
        assert!(error.contains("t.csv:3: the row `X` is there twice"), "{error}");
        assert!(read("a,b\nx,1,2\n").is_err());
        assert!(Table::read(Path::new("/no/such.csv")).is_err());
    }

    #[test]
    fn a_call_has_three_parts() {
        assert_eq!(parts("rates | H5|Hourly rate "), Some(("rates", "H5", "Hourly rate")));
        assert_eq!(parts("rates | H5"), None);
        assert_eq!(parts("a|b|c|d"), None);
    }
}

//! Why a tool is not there, or a call has no result.

use std::path::PathBuf;

use empiric_endpoint::EndpointError;
use empiric_schema::artifact::Digest;

use super::calculator::CalculationError;

/// Why a version's tools cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The job file does not say where a table is.
    #[error("the inputs have no path for the table `{name}` {digest}")]
    MissingInput {
        /// The table.
        name: String,
        /// Its digest.
        digest: Digest,
    },
    /// A table is unreadable.
    #[error("the table `{path}` cannot be read: expected CSV with a header line")]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        #[source]
        source: csv::Error,
    },
    /// Two rows have one name.
    #[error("{path}:{line}: the row `{row}` is there twice; the first column must name each row once")]
    SecondRow {
        /// The file.
        path: PathBuf,
        /// The line of the second.
        line: u64,
        /// The name.
        row: String,
    },
    /// Two tables have one name.
    #[error("two tables are called `{0}`: give one of them another name")]
    SecondTable(String),
    /// An address of the allow-list is refused.
    #[error("the tool `http_get` cannot be made ready")]
    Get(#[from] EndpointError),
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The version lacks the tool.
    #[error("the version has no {0}")]
    NoTool(&'static str),
    /// The arithmetic is wrong.
    #[error(transparent)]
    Calculation(#[from] CalculationError),
    /// It is no reckoning of dates.
    #[error("`{call}` is no reckoning of dates: expected {expected}")]
    Date {
        /// The call.
        call: String,
        /// The forms.
        expected: &'static str,
    },
    /// It is no lookup.
    #[error("`{0}` is no lookup: expected `lookup TABLE | ROW | COLUMN`")]
    Lookup(String),
    /// There is no such table.
    #[error("there is no table `{0}`")]
    Table(String),
    /// There is no such row.
    #[error("the table has no row `{row}`")]
    Row {
        /// The name.
        row: String,
    },
    /// There is no such column.
    #[error("the table has no column `{column}`; its columns are {known}")]
    Column {
        /// The name.
        column: String,
        /// Those that are there.
        known: String,
    },
    /// Nothing came from the address.
    #[error("{0}")]
    Get(String),
}

//! What can go wrong with the database, told apart by what a person or a retry can do.

use std::io;
use std::path::{Path, PathBuf};

use sea_orm::sqlx::Error as SqlxError;
use sea_orm::{DbErr, RuntimeErr};

use crate::adapters::durable;

/// A failure of the read model's database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Another process writes for too long.
    #[error("the database {} is locked by another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// The file is no intact database.
    #[error(
        "the database {} is damaged; move it away, then run again: it only repeats what the runs' \
         histories say, and each run's next record fills a new one",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// No room is left. Nothing was written.
    #[error("no space left for the database {}; free some space, then run again", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file may not be read or written.
    #[error("the database {} cannot be opened for writing", path.display())]
    Forbidden {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A later version of the program made tables that this one does not know.
    #[error("the database {} was written by a newer version of empiric; use that version", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// What the migrations said.
        #[source]
        source: DbErr,
    },
    /// A stored value is not what this program writes.
    #[error("a row of the database {} does not read: {what}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Which value and why.
        what: String,
    },
    /// No run has this id, or an id that begins so.
    #[error("no run is named `{text}`")]
    UnknownRun {
        /// What was asked for.
        text: String,
    },
    /// Several runs have ids that begin so.
    #[error("`{text}` may be any of {}", candidates.join(", "))]
    AmbiguousRun {
        /// What was asked for.
        text: String,
        /// The first few ids that fit.
        candidates: Vec<String>,
    },
    /// Anything else.
    #[error("the database {} failed", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: DbErr,
    },
}

impl DatabaseError {
    /// Puts a database error into its class.
    pub(crate) fn of(path: &Path, source: DbErr) -> Self {
        let path = path.to_owned();
        match primary_code(&source) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Locked { path, source },
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Corrupt { path, source },
            Some(SQLITE_FULL) => Self::DiskFull { path, source: source.into() },
            Some(SQLITE_PERM | SQLITE_READONLY | SQLITE_CANTOPEN) => {
                Self::Forbidden { path, source: source.into() }
            }
            _ if is_missing_migration(&source) => Self::Newer { path, source },
            _ => Self::Failed { path, source },
        }
    }

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match durable::is_disk_full(&source) {
            true => Self::DiskFull { path, source: source.into() },
            false => Self::Forbidden { path, source: source.into() },
        }
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Failed { .. })
    }
}

// Primary result codes, <https://www.sqlite.org/rescode.html>.
const SQLITE_PERM: u32 = 3;
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_NOTADB: u32 = 26;

/// The low byte of SQLite's result code: extended codes refine it in the higher bytes.
fn primary_code(error: &DbErr) -> Option<u32> {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    let SqlxError::Database(error) = error.as_ref() else {
        return None;
    };
    error.code()?.parse::<u32>().ok().map(|code| code & 0xff)
}

/// The migrations know no other way to tell it than by this text.
fn is_missing_migration(error: &DbErr) -> bool {
    matches!(error, DbErr::Custom(text) if text.contains("migration has been applied but its file is missing"))
}

//! A lock between processes: of all that want one source, one fetches it.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::error::Fault;

/// How often a waiting process looks again. The system's own blocking wait could not be cancelled.
const POLL: Duration = Duration::from_millis(50);

/// Holds the lock until dropped; the system releases it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock; calls `waiting` each time that somebody else has it.
    pub(super) async fn acquire(path: &Path, waiting: impl Fn()) -> Result<Self, Fault> {
        let file = open(path).map_err(|error| Fault::file(path, "open", error))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => waiting(),
                Err(TryLockError::Error(error)) => return Err(Fault::file(path, "lock", error)),
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().create(true).truncate(false).write(true).open(path)
}

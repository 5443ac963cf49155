//! `exit.json`, written once.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use empiric_schema::job::{EXIT_FILE, Exit};

use crate::durable_file::{self, WriteError};

/// The exit file of a job. The main thread and the signal thread race for it; the first wins.
#[derive(Debug)]
pub(crate) struct ExitFile {
    path: PathBuf,
    written: Mutex<bool>,
}

/// Who wrote the exit file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// This call.
    Now,
    /// An earlier call; this exit was dropped.
    Before,
}

impl ExitFile {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join(EXIT_FILE), written: Mutex::new(false) }
    }

    pub(crate) fn write(&self, exit: &Exit) -> Result<Written, WriteError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written {
            return Ok(Written::Before);
        }
        // The struct holds nothing that JSON cannot say.
        durable_file::write(&self.path, &serde_json::to_vec_pretty(exit).unwrap_or_default())?;
        *written = true;
        Ok(Written::Now)
    }
}

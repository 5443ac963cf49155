//! Writes `progress.jsonl`, one whole line at a time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use empiric_schema::job::{PROGRESS_FILE, Progress};

use crate::durable_file::WriteError;

/// Lines closer together than this are left out: nobody reads faster.
const INTERVAL: Duration = Duration::from_millis(250);

/// The progress file of a job.
#[derive(Debug)]
pub struct ProgressFile {
    path: PathBuf,
    file: File,
    last: Option<Instant>,
}

impl ProgressFile {
    /// Opens the file in the job's folder; lines are added to those that are there.
    pub fn open(folder: &Path) -> Result<Self, WriteError> {
        let path = folder.join(PROGRESS_FILE);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(WriteError::at(&path))?;
        Ok(Self { path, file, last: None })
    }

    /// Whether enough time has passed for another line.
    pub fn is_due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= INTERVAL)
    }

    /// Writes one line.
    pub fn write(&mut self, progress: &Progress) -> Result<(), WriteError> {
        self.last = Some(Instant::now());
        // The struct holds nothing that JSON cannot say.
        let mut line = serde_json::to_vec(progress).unwrap_or_default();
        line.push(b'\n');
        self.file.write_all(&line).map_err(WriteError::at(&self.path))
    }
}

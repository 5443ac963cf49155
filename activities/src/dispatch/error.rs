//! Why a job gave no outcome.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use empiric_schema::job::ExitClass;

use crate::adapters::artifact_store::StoreError;
use crate::adapters::durable;

/// Why a running job was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Somebody cancelled it.
    Cancelled,
    /// The worker goes away; another one goes on.
    Draining,
}

/// A job gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// It failed, or could not be started or published.
    #[error(transparent)]
    Failed(JobFailure),
    /// It was stopped as asked, with everything that it had started.
    #[error("the job was stopped ({0:?})")]
    Stopped(Stop),
    /// Another attempt has taken the job over; nothing of this one was published.
    #[error("another attempt has taken the job over; nothing of this one was published")]
    Superseded,
}

/// A job's failure, for people.
#[derive(Debug)]
pub struct JobFailure {
    /// What kind of failure.
    pub class: ExitClass,
    /// One sentence; names the file and line where there are any.
    pub message: String,
    /// Where the whole log is, if the program was started.
    pub log: Option<PathBuf>,
    /// The log's last lines.
    pub tail: String,
    /// What the system said.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl JobFailure {
    pub(super) fn new(class: ExitClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), log: None, tail: String::new(), source: None }
    }

    fn because(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// A file operation of the dispatcher failed.
    pub(super) fn io(action: &str, path: &Path, error: io::Error) -> Self {
        let class = class_of_io(&error);
        let message = match class {
            ExitClass::DiskFull => format!(
                "no space left at {}; free some space or move the state folder, then run again",
                path.display()
            ),
            _ => format!("could not {action} {}", path.display()),
        };
        Self::new(class, message).because(error)
    }

    /// The artifact store failed.
    pub(super) fn store(error: StoreError) -> Self {
        let class = match &error {
            StoreError::DiskFull { .. } => ExitClass::DiskFull,
            StoreError::Corrupt { .. } => ExitClass::ArtifactCorrupt,
            StoreError::Missing { .. } => ExitClass::InvalidInput,
            error if durable::is_forbidden(error) => ExitClass::Permission,
            _ => ExitClass::TempFail,
        };
        Self::new(class, error.to_string()).because(error)
    }
}

pub(super) fn class_of_io(error: &io::Error) -> ExitClass {
    match error {
        error if durable::is_disk_full(error) => ExitClass::DiskFull,
        error if durable::is_forbidden(error) => ExitClass::Permission,
        _ => ExitClass::TempFail,
    }
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(log) = &self.log {
            write!(f, "; its log is {}", log.display())?;
        }
        if !self.tail.is_empty() {
            write!(f, ", which ends:\n{}", self.tail)?;
        }
        Ok(())
    }
}

impl std::error::Error for JobFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<JobFailure> for DispatchError {
    fn from(failure: JobFailure) -> Self {
        Self::Failed(failure)
    }
}

//! What can go wrong between a reference and its bytes.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use empiric_schema::artifact::Digest;
use empiric_schema::source::SourceRef;

use crate::adapters::archive::ArchiveError;
use crate::adapters::durable;

/// A source that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("could not get the source {reference}")]
pub struct SourceError {
    /// The reference as written.
    pub reference: SourceRef,
    /// What went wrong; boxed, so that every result that may hold this error stays small.
    #[source]
    pub fault: Box<Fault>,
}

impl SourceError {
    /// The class of the failure.
    pub fn kind(&self) -> FaultKind {
        self.fault.kind()
    }
}

/// Classes of failure; each maps to one exit class of the contract for jobs and commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing is there under this name.
    NotFound,
    /// The network or the other side failed: worth another try.
    Network,
    /// Access was refused.
    Permission,
    /// The bytes are not the right ones, or an archive is damaged or unsafe.
    Corrupt,
    /// The source is not cached and the network is switched off.
    Offline,
    /// No room is left.
    DiskFull,
    /// The reference or the configuration is wrong.
    Invalid,
    /// A program that is needed is not installed.
    ToolMissing,
    /// The system failed in some other way.
    Io,
}

/// The cause inside a [`SourceError`].
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nothing is there.
    #[error("{what}")]
    NotFound {
        /// What was looked for and where.
        what: String,
    },
    /// The network or the other side failed.
    #[error("{what}")]
    Network {
        /// What was being done.
        what: String,
        /// What the layer below said.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Access was refused.
    #[error("access was refused: {what}")]
    Permission {
        /// Who refused, and what would help.
        what: String,
    },
    /// The content is not what the reference pins.
    #[error("the content has the digest {found}, but {expected} is expected")]
    Mismatch {
        /// The pinned digest.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// A mutable source has other content than when it was recorded.
    #[error(
        "the content changed since it was first fetched: it had the digest {recorded}, now {found}; \
         to accept the new content remove {}", record.display()
    )]
    Changed {
        /// The digest on record.
        recorded: Digest,
        /// The digest of what came.
        found: Digest,
        /// The record.
        record: PathBuf,
    },
    /// The cached copy was damaged.
    #[error("the cached copy {} is corrupt: expected the digest {expected}; remove it and fetch again", path.display())]
    Corrupt {
        /// The cached copy.
        path: PathBuf,
        /// The digest on record.
        expected: Digest,
    },
    /// What came is incomplete or contradicts itself.
    #[error("the transfer is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// Not cached, and the network is switched off.
    #[error(
        "it is not in the cache and the network is switched off; run once without offline mode, or \
         copy the folder {} from a machine that has it", cache.display()
    )]
    Offline {
        /// The cache folder of this source.
        cache: PathBuf,
    },
    /// No room is left.
    #[error("no space left at {}; free some space or move the cache folder, then run again", path.display())]
    DiskFull {
        /// Where the bytes should have gone.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Option<io::Error>,
    },
    /// The reference or the configuration is wrong.
    #[error("{what}")]
    Invalid {
        /// What is wrong and what would be right.
        what: String,
    },
    /// A program that is needed is not installed.
    #[error("{tool} is needed and was not found; {advice}")]
    ToolMissing {
        /// The program.
        tool: &'static str,
        /// How to get it.
        advice: &'static str,
    },
    /// A program failed in a way that is not known.
    #[error("{tool} failed: {message}")]
    ToolFailed {
        /// The program.
        tool: &'static str,
        /// The end of what it said.
        message: String,
    },
    /// The archive around the file is unsafe, damaged, or lacks it.
    #[error("the archive {archive} cannot be used")]
    Archive {
        /// File name of the archive.
        archive: String,
        /// The reason.
        #[source]
        source: ArchiveError,
    },
    /// A file could not be read or written.
    #[error("could not {action} {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Fault {
    /// The class of the failure.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NotFound { .. } | Self::Archive { source: ArchiveError::NotFound { .. }, .. } => {
                FaultKind::NotFound
            }
            Self::Network { .. } => FaultKind::Network,
            Self::Permission { .. } => FaultKind::Permission,
            Self::Mismatch { .. } | Self::Changed { .. } | Self::Corrupt { .. } => FaultKind::Corrupt,
            Self::Damaged { .. } => FaultKind::Corrupt,
            Self::Offline { .. } => FaultKind::Offline,
            Self::DiskFull { .. } => FaultKind::DiskFull,
            Self::Invalid { .. } => FaultKind::Invalid,
            Self::ToolMissing { .. } => FaultKind::ToolMissing,
            Self::ToolFailed { .. } => FaultKind::Io,
            Self::Archive { source, .. } => archive_kind(source),
            Self::File { source, .. } => file_kind(source),
        }
    }

    /// A failure of a file operation, with a full disk told apart.
    pub(super) fn file(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        if durable::is_disk_full(&source) {
            return Self::DiskFull { path, source: Some(source) };
        }
        Self::File { path, action, source }
    }

    pub(super) fn network(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Network { what: what.into(), source: Some(source.into()) }
    }
}

fn archive_kind(error: &ArchiveError) -> FaultKind {
    match error {
        ArchiveError::Io { source, .. } => file_kind(source),
        _ => FaultKind::Corrupt,
    }
}

fn file_kind(error: &io::Error) -> FaultKind {
    match error.kind() {
        _ if durable::is_disk_full(error) => FaultKind::DiskFull,
        _ if durable::is_forbidden(error) => FaultKind::Permission,
        ErrorKind::NotFound => FaultKind::NotFound,
        _ => FaultKind::Io,
    }
}

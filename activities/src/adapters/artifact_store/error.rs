//! What can go wrong with the artifact store.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use empiric_schema::artifact::Digest;

use crate::adapters::durable;

/// A failure of the artifact store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object is not there.
    #[error("artifact {digest} is not in the store {place}")]
    Missing {
        /// Digest asked for.
        digest: Digest,
        /// The store.
        place: String,
    },
    /// The object's bytes do not hash to its name.
    #[error(
        "artifact {expected} is corrupt in the store {place}: \
         its {found_size} bytes have the digest {found} (expected {expected_size} bytes)"
    )]
    Corrupt {
        /// Digest asked for.
        expected: Digest,
        /// Digest of the bytes that are there.
        found: Digest,
        /// Size that the reference gives, in bytes.
        expected_size: u64,
        /// Size that is there, in bytes.
        found_size: u64,
        /// The store.
        place: String,
    },
    /// No room is left where the bytes should go. Nothing was published.
    #[error("no space left at {place}; free some space or move the state folder, then run again")]
    DiskFull {
        /// The file or the store that could not be written.
        place: String,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file outside the store could not be read or written.
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
    /// The file changed while it was being stored. Nothing was published.
    #[error("{} changed while it was being stored", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The object store failed or refused.
    #[error("could not {action} in the artifact store {place}")]
    Backend {
        /// The store.
        place: String,
        /// What was being done.
        action: &'static str,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
}

impl StoreError {
    pub(super) fn of(place: &str, action: &'static str, source: object_store::Error) -> Self {
        let place = place.to_owned();
        if durable::is_disk_full(&source) {
            return Self::DiskFull { place, source: source.into() };
        }
        Self::Backend { place, action, source }
    }

    pub(super) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        if durable::is_disk_full(&source) {
            return Self::DiskFull { place: path.display().to_string(), source: source.into() };
        }
        Self::File { path: path.to_owned(), action, source }
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Backend { source, .. } => matches!(source, object_store::Error::Generic { .. }),
            Self::File { source, .. } => source.kind() == ErrorKind::Interrupted,
            _ => false,
        }
    }
}

//! Why passages cannot be found.

use std::io;
use std::path::PathBuf;

use empiric_schema::artifact::Digest;

use crate::embed::EmbedError;
use crate::items::ItemsError;

/// Why an index cannot be opened or asked.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The job file does not say where an artifact is.
    #[error("the inputs have no path for {what} {digest}")]
    MissingInput {
        /// What it is for.
        what: &'static str,
        /// Its name.
        digest: Digest,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The chunks are unreadable.
    #[error("the chunks of the index cannot be read")]
    Chunks(#[source] ItemsError),
    /// The index has nothing in it.
    #[error("the index `{path}` has no chunks")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The vectors are unreadable, or belong to another index.
    #[error("the vectors `{path}` do not fit the index: {reason}")]
    Vectors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A ranking needs vectors.
    #[error("the ranking needs vectors, and the index was made without an encoder; make it with one")]
    NoVectors,
    /// The encoder cannot be loaded, or a question has no vector.
    #[error("the question cannot be compared with the chunks")]
    Encoder(#[from] EmbedError),
}

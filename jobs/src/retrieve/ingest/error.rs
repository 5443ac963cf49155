//! Why a document cannot be read.

use std::io;
use std::str::Utf8Error;

use super::file::FORMATS;

/// Why documents cannot be had as text.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Nobody here reads this format.
    #[error("`{name}` is of a kind that is not read; documents may be {}", FORMATS.join(", "))]
    Unknown {
        /// The document.
        name: String,
    },
    /// A text is in another encoding.
    #[error("`{name}` is not UTF-8 text")]
    Encoding {
        /// The document.
        name: String,
        /// Where it stops being text.
        #[source]
        source: Utf8Error,
    },
    /// A file is not what its format says.
    #[error("`{name}` is no {format} that can be read: {reason}")]
    Damaged {
        /// The document.
        name: String,
        /// What its name says it is.
        format: &'static str,
        /// What the reader said.
        reason: String,
    },
    /// A file without text.
    #[error("`{name}` has no text; fill it, or leave it out. Scanned pages need text recognition first")]
    Empty {
        /// The document.
        name: String,
    },
    /// The archive of documents cannot be read.
    #[error("the archive of documents is damaged")]
    Corpus(#[source] io::Error),
    /// There is nothing to read.
    #[error("the archive of documents is empty")]
    NoDocuments,
}

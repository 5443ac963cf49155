//! Documents of several formats to one form: sections with their headings and paragraphs.
//!
//! One file for each format, with the same function `read`. Tables become one paragraph a row that names its
//! columns. Cutting is left to [`super::chunk`].

mod csv;
mod document;
mod error;
mod file;
mod html;
mod markdown;
mod outline;
mod pdf;
mod plain;
mod table;
mod xlsx;

pub use document::{Document, Section};
pub use error::IngestError;
pub use file::{FORMATS, File, read};

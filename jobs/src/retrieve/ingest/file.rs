//! Which format a document has, by the end of its name.

use super::document::Document;
use super::error::IngestError;
use super::{csv, html, markdown, pdf, plain, xlsx};

/// The ends of names that are read.
pub const FORMATS: &[&str] =
    &[".md", ".markdown", ".txt", ".text", ".html", ".htm", ".pdf", ".csv", ".tsv", ".xlsx"];

/// A document as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// As items name it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl File {
    /// The bytes as text, without a mark of their order.
    pub(super) fn text(&self) -> Result<&str, IngestError> {
        let text = std::str::from_utf8(&self.bytes)
            .map_err(|source| IngestError::Encoding { name: self.name.clone(), source })?;
        Ok(text.trim_start_matches('\u{feff}'))
    }

    pub(super) fn damaged(&self, format: &'static str, reason: impl ToString) -> IngestError {
        IngestError::Damaged { name: self.name.clone(), format, reason: reason.to_string() }
    }
}

/// Reads a document of any of the [`FORMATS`].
///
/// # Errors
/// Names the document: its format is unknown, it is damaged or has no text.
pub fn read(file: &File) -> Result<Document, IngestError> {
    let extension = file.name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    let document = match extension.as_deref() {
        Some("md" | "markdown") => markdown::read(file),
        Some("txt" | "text") => plain::read(file),
        Some("html" | "htm") => html::read(file),
        Some("pdf") => pdf::read(file),
        Some("csv" | "tsv") => csv::read(file),
        Some("xlsx") => xlsx::read(file),
        _ => Err(IngestError::Unknown { name: file.name.clone() }),
    }?;
    match document.sections.is_empty() {
        true => Err(IngestError::Empty { name: file.name.clone() }),
        false => Ok(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, bytes: &[u8]) -> String {
        let error = read(&File { name: name.to_owned(), bytes: bytes.to_vec() }).unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    }

    #[test]
    fn every_listed_format_has_a_reader() {
        for format in FORMATS {
            let message = refusal(&format!("a{format}"), b"");
            assert!(!message.contains("is not read"), "{message}");
        }
    }

    #[test]
    fn unknown_kinds_are_named_with_those_that_are_read() {
        let message = refusal("handbook/a.docx", b"PK");
        assert!(message.starts_with("`handbook/a.docx` is of a kind that is not read"), "{message}");
        assert!(message.contains(".md, ") && message.contains(".xlsx"), "{message}");
        assert!(refusal("handbook/README", b"text").contains("is not read"));
    }

    #[test]
    fn documents_without_text_and_in_other_encodings_are_named() {
        assert!(refusal("a.md", b" \n").starts_with("`a.md` has no text"));
        let message = refusal("a.txt", b"caf\xe9 au lait");
        assert!(message.starts_with("`a.txt` is not UTF-8 text: invalid utf-8 sequence"), "{message}");
    }

    #[test]
    fn the_end_of_a_name_may_be_in_capitals() {
        let file = File { name: "A.TXT".to_owned(), bytes: b"\xef\xbb\xbftext".to_vec() };
        assert_eq!(read(&file).unwrap().sections[0].paragraphs, ["text"]);
    }
}

//! Plain text: paragraphs between empty lines, and no headings.

use super::document::{Document, Section, collapsed};
use super::error::IngestError;
use super::file::File;

/// Reads a text file.
pub(super) fn read(file: &File) -> Result<Document, IngestError> {
    let paragraphs = paragraphs(file.text()?);
    Ok(Document::new(&file.name, vec![Section { headings: Vec::new(), paragraphs }]))
}

/// Runs of lines that are not empty.
pub(super) fn paragraphs(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let runs = lines.split(|line| line.trim().is_empty()).filter(|run| !run.is_empty());
    runs.map(|run| collapsed(&run.join("\n"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_part_paragraphs() {
        let file = File { name: "x/notes.txt".into(), bytes: b"one\r\n two\r\n \r\n\r\nthree".to_vec() };
        let sections = read(&file).unwrap().sections;
        assert_eq!(sections[0].headings, ["notes"]);
        assert_eq!(sections[0].paragraphs, ["one\ntwo", "three"]);
    }
}

//! PDF: the text as it is laid out, without headings.

use std::panic::catch_unwind;

use super::document::{Document, Section};
use super::error::IngestError;
use super::file::File;
use super::plain;

const FORMAT: &str = "PDF";

/// Reads a PDF file that has its text in it.
pub(super) fn read(file: &File) -> Result<Document, IngestError> {
    let text = catch_unwind(|| pdf_extract::extract_text_from_mem(&file.bytes));
    // The reader panics where fonts are odd.
    let text = text.map_err(|_| file.damaged(FORMAT, "the reader gave up on it"))?;
    let text = text.map_err(|error| file.damaged(FORMAT, error))?;
    let section = Section { headings: Vec::new(), paragraphs: paragraphs(&text) };
    Ok(Document::new(&file.name, vec![section]))
}

/// Lines of a paragraph are one text: they end where the page does. Numbers of pages are left out.
fn paragraphs(text: &str) -> Vec<String> {
    let is_page_number = |text: &String| text.chars().all(|letter| letter.is_ascii_digit());
    let joined = plain::paragraphs(text).into_iter().map(|paragraph| join(&paragraph));
    joined.filter(|text| !is_page_number(text)).collect()
}

/// A word that was parted at the end of a line is whole again.
fn join(paragraph: &str) -> String {
    let mut text = String::new();
    for line in paragraph.lines() {
        let goes_on = text.ends_with('-') && line.starts_with(char::is_lowercase);
        match (text.is_empty(), goes_on) {
            (true, _) => {}
            (false, true) => _ = text.pop(),
            (false, false) => text.push(' '),
        }
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one page with these lines.
    fn pdf(lines: &[&str]) -> Vec<u8> {
        let shown: String = lines.iter().map(|line| format!("({line}) Tj 0 -14 Td ")).collect();
        let content = format!("BT /F1 12 Tf 72 700 Td {shown}ET");
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R \
             /Resources << /Font << /F1 4 0 R >> >> >>"
                .to_owned(),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        ];
        let mut file = b"%PDF-1.4\n".to_vec();
        let mut places = String::new();
        for (index, object) in objects.iter().enumerate() {
            places.push_str(&format!("{:010} 00000 n \n", file.len()));
            file.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
        }
        let start = file.len();
        let trailer = "trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n";
        file.extend(format!("xref\n0 6\n0000000000 65535 f \n{places}{trailer}{start}\n%%EOF\n").bytes());
        file
    }

    #[test]
    fn lines_become_paragraphs() {
        let bytes = pdf(&["A permit costs 14.50 a month and is taken from wa-", "ges of all."]);
        let sections = read(&File { name: "rules/parking.pdf".to_owned(), bytes }).unwrap().sections;
        assert_eq!(sections[0].headings, ["parking"]);
        assert_eq!(sections[0].paragraphs, ["A permit costs 14.50 a month and is taken from wages of all."]);
    }

    #[test]
    fn page_numbers_are_no_text_and_parted_words_are_whole() {
        assert_eq!(paragraphs("a well-\nknown\nbar-\nBell\n\n12\n\nend"), ["a wellknown bar- Bell", "end"]);
    }

    #[test]
    fn damaged_files_are_refused_by_name() {
        let whole = pdf(&["text"]);
        for bytes in [b"no pdf".to_vec(), whole[..whole.len() / 2].to_vec()] {
            let error = read(&File { name: "a.pdf".to_owned(), bytes }).unwrap_err().to_string();
            assert!(error.starts_with("`a.pdf` is no PDF that can be read: "), "{error}");
        }
    }
}

//! Tables with a separator between their cells; the first row names the columns.

use csv::ReaderBuilder;

use super::document::{Document, Section};
use super::error::IngestError;
use super::file::File;
use super::table;

const FORMAT: &str = "table of separated values";

/// Reads a file of comma-, semicolon- or tab-separated values.
pub(super) fn read(file: &File) -> Result<Document, IngestError> {
    let text = file.text()?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| file.damaged(FORMAT, error))?;
        rows.push(record.iter().map(str::to_owned).collect());
    }
    let section = Section { headings: Vec::new(), paragraphs: table::rows(&rows) };
    Ok(Document::new(&file.name, vec![section]))
}

/// The separator that is most frequent in the first line.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default().as_bytes();
    let count = |delimiter: &u8| first.iter().filter(|byte| *byte == delimiter).count();
    // The last of equals wins: the comma.
    *b"\t;,".iter().max_by_key(|delimiter| count(delimiter)).unwrap_or(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraphs(text: &str) -> Vec<String> {
        let file = File { name: "data/pay.csv".to_owned(), bytes: text.as_bytes().to_vec() };
        read(&file).unwrap().sections.remove(0).paragraphs
    }

    #[test]
    fn rows_name_their_columns_whatever_parts_them() {
        for separator in [",", ";", "\t"] {
            let text = "Band,Pay\nH1,\"12.94, weekly\"\n\nH2\n".replace(',', separator);
            let expected = ["Band: H1; Pay: 12.94, weekly".replace(',', separator), "Band: H2".to_owned()];
            let expected = expected.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
            assert_eq!(paragraphs(&text), expected);
        }
    }
}

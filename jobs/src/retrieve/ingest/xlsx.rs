//! Workbooks: one section a sheet; the first row names the columns.

use std::io::Cursor;

use calamine::{Data, Range, Reader as _, Xlsx};

use super::document::{Document, Section, stem};
use super::error::IngestError;
use super::file::File;
use super::table;

const FORMAT: &str = "workbook";

/// Reads an Excel workbook.
pub(super) fn read(file: &File) -> Result<Document, IngestError> {
    let mut book: Xlsx<_> =
        Xlsx::new(Cursor::new(&file.bytes)).map_err(|error| file.damaged(FORMAT, error))?;
    let mut sections = Vec::new();
    for sheet in book.sheet_names() {
        let range = book.worksheet_range(&sheet).map_err(|error| file.damaged(FORMAT, error))?;
        let headings = vec![stem(&file.name).to_owned(), sheet];
        sections.push(Section { headings, paragraphs: paragraphs(&range) });
    }
    Ok(Document::new(&file.name, sections))
}

fn paragraphs(range: &Range<Data>) -> Vec<String> {
    let rows = range.rows().map(|row| row.iter().map(text).collect::<Vec<String>>());
    let filled = rows.filter(|row| row.iter().any(|cell| !cell.trim().is_empty()));
    table::rows(&filled.collect::<Vec<_>>())
}

/// A cell as people see it, with days as year, month and day.
fn text(cell: &Data) -> String {
    let Data::DateTime(moment) = cell else {
        return cell.to_string();
    };
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let time = format!("{hour:02}:{minute:02}");
    match (moment.is_datetime(), moment.as_f64(), (hour, minute, second)) {
        (true, value, _) if value < 1.0 => time,
        (true, _, (0, 0, 0)) => date,
        (true, ..) => format!("{date} {time}"),
        (false, value, _) => format!("{:.2} hours", value * 24.0),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="2"><c r="B2" t="inlineStr"><is><t>Band</t></is></c><c r="C2" t="inlineStr"><is><t>Pay</t></is></c><c r="D2" t="inlineStr"><is><t>From</t></is></c></row>
<row r="3"><c r="B3" t="inlineStr"><is><t>H1 &amp; H2</t></is></c><c r="C3"><v>12.94</v></c><c r="D3" s="1"><v>45383</v></c></row>
</sheetData></worksheet>"#;

    const PARTS: [(&str, &str); 5] = [
        (
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Hourly" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", SHEET),
        // The second style is a day.
        (
            "xl/styles.xml",
            r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#,
        ),
    ];

    fn workbook() -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in PARTS {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn sheets_are_sections_and_rows_name_their_columns() {
        let file = File { name: "data/pay.xlsx".to_owned(), bytes: workbook() };
        let sections = read(&file).unwrap().sections;
        assert_eq!(sections[0].headings, ["pay", "Hourly"]);
        assert_eq!(sections[0].paragraphs, ["Band: H1 & H2; Pay: 12.94; From: 2024-04-01"]);
    }

    #[test]
    fn damaged_workbooks_are_refused_by_name() {
        let bytes = workbook();
        for bytes in [b"PK no".to_vec(), bytes[..bytes.len() / 2].to_vec()] {
            let error = read(&File { name: "pay.xlsx".to_owned(), bytes }).unwrap_err().to_string();
            assert!(error.starts_with("`pay.xlsx` is no workbook that can be read: "), "{error}");
        }
    }
}

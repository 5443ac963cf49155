//! Rows of tables as sentences of their own: a row that is cut off from its header still says what it means.

use super::document::collapsed;

/// A row, with the names of its columns where there are any: `Band: H1; Pay: £12.94`. Empty cells are left out.
pub(super) fn row(header: Option<&[String]>, cells: &[String]) -> String {
    let column = |index: usize| header.and_then(|header| header.get(index)).map(|name| collapsed(name));
    let cell = |(index, cell): (usize, &String)| {
        let value = collapsed(cell).replace('\n', " ");
        let name = column(index).unwrap_or_default();
        match (value.is_empty(), name.is_empty()) {
            (true, _) => None,
            (false, true) => Some(value),
            (false, false) => Some(format!("{name}: {value}")),
        }
    };
    cells.iter().enumerate().filter_map(cell).collect::<Vec<_>>().join("; ")
}

/// All rows below the header, which is the first one.
pub(super) fn rows(table: &[Vec<String>]) -> Vec<String> {
    match table {
        [] => Vec::new(),
        [only] => vec![row(None, only)],
        [header, body @ ..] => body.iter().map(|cells| row(Some(header), cells)).collect(),
    }
    .into_iter()
    .filter(|row| !row.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_row_names_its_columns_and_leaves_empty_cells_out() {
        let header = cells(&["Band", "", "Pay"]);
        assert_eq!(
            row(Some(&header), &cells(&["H1", "porters", " £12.94 ", "x"])),
            "Band: H1; porters; Pay: £12.94; x"
        );
        assert_eq!(row(Some(&header), &cells(&["", " ", "£1"])), "Pay: £1");
    }

    #[test]
    fn a_table_of_one_row_has_no_header() {
        assert_eq!(rows(&[cells(&["a", "b"])]), ["a; b"]);
        assert_eq!(rows(&[cells(&["a"]), cells(&["1"]), cells(&[""])]), ["a: 1"]);
        assert!(rows(&[]).is_empty());
    }
}

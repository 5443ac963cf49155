//! The form that all formats are brought into.

/// A document as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// As items name it, such as `handbook/parking.md`.
    pub name: String,
    /// In their order, none without paragraphs.
    pub sections: Vec<Section>,
}

/// What stands under one heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Headings from the document's title down.
    pub headings: Vec<String>,
    /// Paragraphs, list items and rows of tables. White space is collapsed, line breaks that mean something stay.
    pub paragraphs: Vec<String>,
}

impl Document {
    /// A document of these sections; one without any heading goes by the name of its file.
    pub(super) fn new(name: &str, mut sections: Vec<Section>) -> Self {
        sections.retain(|section| !section.paragraphs.is_empty());
        if sections.iter().all(|section| section.headings.is_empty()) {
            sections.iter_mut().for_each(|section| section.headings.push(stem(name).to_owned()));
        }
        Self { name: name.to_owned(), sections }
    }
}

/// The file's name without its folders and its extension.
pub(super) fn stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Lines without superfluous white space, and none empty.
pub(super) fn collapsed(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stem_has_neither_folder_nor_extension() {
        assert_eq!(stem("handbook/staff.parking.md"), "staff.parking");
        assert_eq!(stem("notes"), "notes");
    }

    #[test]
    fn white_space_is_collapsed_line_by_line() {
        assert_eq!(collapsed("  a \t b\n\n \n c\u{a0}d "), "a b\nc d");
    }
}

//! Puts blocks of marked-up text under their headings, for the formats that have both.

use super::document::{Document, Section, collapsed};
use super::table;

/// A document in the making. Text is collected until something ends the block.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// The document's title where it stands outside the text.
    pub(super) title: Option<String>,
    /// Headings with their levels that are open now, outermost first.
    open: Vec<(u8, String)>,
    sections: Vec<Section>,
    block: String,
    /// Open lists; a numbered one knows the number of its next item.
    lists: Vec<Option<u64>>,
    /// What the next paragraph begins with.
    mark: String,
    table: Option<Table>,
    has_main_heading: bool,
}

#[derive(Debug, Default)]
struct Table {
    header: Option<Vec<String>>,
    cells: Vec<String>,
}

impl Outline {
    pub(super) fn text(&mut self, text: &str) {
        self.block.push_str(text);
    }

    /// What was collected since the last block.
    pub(super) fn take_block(&mut self) -> String {
        collapsed(&std::mem::take(&mut self.block))
    }

    /// Inside a table, cells end and blocks do not.
    pub(super) fn end_block(&mut self) {
        if self.table.is_some() {
            self.block.push(' ');
            return;
        }
        let block = self.take_block();
        if !block.is_empty() {
            let mark = std::mem::take(&mut self.mark);
            self.paragraph(format!("{mark}{block}"));
        }
    }

    /// The collected text is a heading of this level, 1 for the outermost.
    pub(super) fn end_heading(&mut self, level: u8) {
        let heading = self.take_block().replace('\n', " ");
        if heading.is_empty() {
            return;
        }
        self.has_main_heading |= level == 1;
        self.open.retain(|(open, _)| *open < level);
        self.open.push((level, heading));
    }

    pub(super) fn begin_list(&mut self, first: Option<u64>) {
        self.end_block();
        self.lists.push(first);
    }

    pub(super) fn begin_item(&mut self) {
        self.end_block();
        self.mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        };
    }

    pub(super) fn end_list(&mut self) {
        self.end_block();
        self.lists.pop();
        self.mark.clear();
    }

    pub(super) fn begin_table(&mut self) {
        self.end_block();
        self.table.get_or_insert_default();
    }

    pub(super) fn end_cell(&mut self) {
        let cell = self.take_block();
        if let Some(table) = &mut self.table {
            table.cells.push(cell);
        }
    }

    /// The cells since the last row name the columns.
    pub(super) fn end_header(&mut self) {
        if let Some(table) = &mut self.table {
            table.header = Some(std::mem::take(&mut table.cells));
        }
    }

    pub(super) fn end_row(&mut self) {
        if let Some(table) = &mut self.table {
            let cells = std::mem::take(&mut table.cells);
            let row = table::row(table.header.as_deref(), &cells);
            self.paragraph(row);
        }
    }

    pub(super) fn end_table(&mut self) {
        self.end_row();
        self.table = None;
        self.end_block();
    }

    fn paragraph(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        let headings: Vec<String> = self.open.iter().map(|(_, heading)| heading.clone()).collect();
        match self.sections.last_mut() {
            Some(section) if section.headings == headings => section.paragraphs.push(text),
            _ => self.sections.push(Section { headings, paragraphs: vec![text] }),
        }
    }

    /// A title outside the text counts where no heading of the first level does. Headings alone are the text.
    pub(super) fn finish(mut self, name: &str) -> Document {
        self.table = None;
        self.end_block();
        if let (true, Some((_, heading))) = (self.sections.is_empty(), self.open.pop()) {
            self.paragraph(heading);
        }
        if let (false, Some(title)) = (self.has_main_heading, self.title) {
            self.sections.iter_mut().for_each(|section| section.headings.insert(0, title.clone()));
        }
        Document::new(name, self.sections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(outline: &mut Outline, level: u8, text: &str) {
        outline.end_block();
        outline.text(text);
        outline.end_heading(level);
    }

    #[test]
    fn a_heading_closes_those_of_its_level_and_below() {
        let mut outline = Outline::default();
        for (level, text) in [(1, "Book"), (2, "One"), (3, "Deep"), (2, "Two")] {
            heading(&mut outline, level, text);
            outline.text(&format!("in {text}"));
        }
        let document = outline.finish("book.md");
        let paths: Vec<String> =
            document.sections.iter().map(|section| section.headings.join(" > ")).collect();
        assert_eq!(paths, ["Book", "Book > One", "Book > One > Deep", "Book > Two"]);
    }

    #[test]
    fn a_title_outside_the_text_counts_without_a_main_heading() {
        for (level, expected) in [(1, vec!["A"]), (2, vec!["Title", "A"])] {
            let mut outline = Outline { title: Some("Title".to_owned()), ..Outline::default() };
            heading(&mut outline, level, "A");
            outline.text("text");
            assert_eq!(outline.finish("a.html").sections[0].headings, expected);
        }
    }

    #[test]
    fn headings_alone_are_the_text() {
        let mut outline = Outline::default();
        heading(&mut outline, 1, "To be written");
        let section = Section { headings: vec!["draft".into()], paragraphs: vec!["To be written".into()] };
        assert_eq!(outline.finish("draft.md").sections, [section]);
    }
}

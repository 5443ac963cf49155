//! HTML: what a reader of the page sees, without menus and scripts.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};

use super::document::Document;
use super::error::IngestError;
use super::file::File;
use super::outline::Outline;

/// Elements whose text is not for readers.
const SKIPPED: [&str; 6] = ["script", "style", "noscript", "template", "nav", "svg"];

/// Reads a page.
pub(super) fn read(file: &File) -> Result<Document, IngestError> {
    Ok(write(Outline::default(), file.text()?).finish(&file.name))
}

/// Writes what the markup shows into an outline.
pub(super) fn write(outline: Outline, markup: &str) -> Outline {
    let page = Page { outline, ..Page::default() };
    let tokenizer = Tokenizer::new(Sink(RefCell::new(page)), Default::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(markup));
    // The sink never asks to be called again.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let mut outline = tokenizer.sink.0.into_inner().outline;
    outline.end_block();
    outline
}

struct Sink(RefCell<Page>);

/// A page while its tags go by.
#[derive(Default)]
struct Page {
    outline: Outline,
    /// Open elements that are skipped.
    skipped: usize,
    /// Open elements whose line breaks count.
    preformatted: usize,
    row: Row,
}

/// Cells of the row that is open: they may end without an end tag.
#[derive(Default)]
struct Row {
    is_in_cell: bool,
    has_names: bool,
    has_values: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => page.text(&text),
            Token::TagToken(tag) if tag.kind == TagKind::EndTag => page.close(&tag.name),
            Token::TagToken(tag) => {
                page.open(&tag);
                return raw_text(&tag.name);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// In some elements tags are text.
fn raw_text(name: &str) -> TokenSinkResult<()> {
    match name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "iframe" | "noframes" | "xmp" => TokenSinkResult::RawData(RawKind::Rawtext),
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        _ => TokenSinkResult::Continue,
    }
}

impl Page {
    fn text(&mut self, text: &str) {
        match (self.skipped, self.preformatted) {
            (0, 0) => self.outline.text(&text.replace(['\n', '\r'], " ")),
            (0, _) => self.outline.text(text),
            _ => {}
        }
    }

    fn open(&mut self, tag: &Tag) {
        let name: &str = &tag.name;
        if SKIPPED.contains(&name) {
            self.skipped += usize::from(!tag.self_closing);
        }
        if self.skipped > 0 {
            return;
        }
        match name {
            "br" => self.outline.text("\n"),
            "ul" => self.outline.begin_list(None),
            "ol" => self.outline.begin_list(Some(1)),
            "li" => self.outline.begin_item(),
            "table" => self.outline.begin_table(),
            "td" | "th" => self.begin_cell(name),
            "tr" => self.end_row(),
            "pre" => {
                self.outline.end_block();
                self.preformatted += 1;
            }
            name if is_block(name) || heading_level(name).is_some() => self.outline.end_block(),
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if SKIPPED.contains(&name) {
            self.skipped = self.skipped.saturating_sub(1);
            return;
        }
        if self.skipped > 0 {
            return;
        }
        if let Some(level) = heading_level(name) {
            return self.outline.end_heading(level);
        }
        match name {
            "title" => self.title(),
            "ul" | "ol" => self.outline.end_list(),
            "td" | "th" => self.end_cell(),
            "tr" => self.end_row(),
            "table" => {
                self.end_row();
                self.outline.end_table();
            }
            "pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.outline.end_block();
            }
            name if is_block(name) => self.outline.end_block(),
            _ => {}
        }
    }

    fn title(&mut self) {
        let title = self.outline.take_block();
        if !title.is_empty() {
            self.outline.title.get_or_insert(title);
        }
    }

    fn begin_cell(&mut self, name: &str) {
        self.end_cell();
        self.row.is_in_cell = true;
        match name {
            "th" => self.row.has_names = true,
            _ => self.row.has_values = true,
        }
    }

    fn end_cell(&mut self) {
        if std::mem::take(&mut self.row.is_in_cell) {
            self.outline.end_cell();
        }
    }

    /// A row of names alone is the header; a name before values belongs to its row.
    fn end_row(&mut self) {
        self.end_cell();
        match std::mem::take(&mut self.row) {
            Row { has_names: true, has_values: false, .. } => self.outline.end_header(),
            _ => self.outline.end_row(),
        }
    }
}

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', digit @ b'1'..=b'6'] => Some(digit - b'0'),
        _ => None,
    }
}

/// Elements that begin a line of their own.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "main"
            | "header"
            | "footer"
            | "aside"
            | "blockquote"
            | "figure"
            | "figcaption"
            | "address"
            | "details"
            | "summary"
            | "form"
            | "fieldset"
            | "hr"
            | "li"
            | "dl"
            | "dt"
            | "dd"
            | "body"
            | "caption"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(markup: &str) -> Vec<(String, Vec<String>)> {
        let file = File { name: "a.html".to_owned(), bytes: markup.as_bytes().to_vec() };
        let sections = read(&file).unwrap().sections.into_iter();
        sections.map(|section| (section.headings.join(" > "), section.paragraphs)).collect()
    }

    #[test]
    fn readers_see_headings_paragraphs_and_items() {
        let page = "<!doctype html><html><head><title>Hotel</title><style>p{}</style></head><body>
            <nav><a href=/>Home</a></nav><h2>Pets &amp; guests</h2><p>Dogs
            stay <b>free</b>.<p>Cats<br>too.<ol><li>Ask<li>Wait</ol><script>if (a < b) {}</script></body>";
        let expected = ["Dogs stay free.", "Cats\ntoo.", "1. Ask", "2. Wait"].map(str::to_owned);
        assert_eq!(sections(page), [("Hotel > Pets & guests".to_owned(), expected.to_vec())]);
    }

    #[test]
    fn rows_name_their_columns_where_the_page_does() {
        let rows = "<tr><td>H1<td>£12.94</tr><tr><td><p>H2</p></td><td>£13.27</td></tr>";
        let table = format!("<h1>Pay</h1><table><tr><th>Band</th><th>Pay</th></tr>{rows}</table>");
        let closed = table.replace("<td>H1<td>£12.94<", "<th>H1</th><td>£12.94</td><");
        let expected = ["Band: H1; Pay: £12.94", "Band: H2; Pay: £13.27"].map(str::to_owned);
        assert_eq!(sections(&closed), [("Pay".to_owned(), expected.to_vec())]);
        assert_eq!(sections(&table), sections(&closed), "cells may be left open");
    }

    #[test]
    fn preformatted_text_keeps_its_lines() {
        assert_eq!(sections("<pre>a\n b</pre>")[0].1, ["a\nb"]);
    }

    #[test]
    fn broken_markup_is_read_as_far_as_it_goes() {
        assert_eq!(sections("<p>one <b>two</p></nav><p title='")[0].1, ["one two"]);
    }
}

//! Markdown: CommonMark with tables, footnotes and a block of metadata.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::document::Document;
use super::error::IngestError;
use super::file::File;
use super::html;
use super::outline::Outline;

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_YAML_STYLE_METADATA_BLOCKS);

/// Reads a Markdown file.
pub(super) fn read(file: &File) -> Result<Document, IngestError> {
    let mut outline = Outline::default();
    let mut markup = String::new();
    for event in Parser::new_ext(file.text()?, OPTIONS) {
        match event {
            Event::Start(tag) => begin(&mut outline, &tag),
            Event::End(TagEnd::HtmlBlock) => outline = html::write(outline, &std::mem::take(&mut markup)),
            Event::End(tag) => end(&mut outline, tag),
            Event::Html(html) => markup.push_str(&html),
            Event::InlineHtml(tag) if tag.starts_with("<br") => outline.text("\n"),
            Event::Text(text) | Event::Code(text) => outline.text(&text),
            Event::InlineMath(text) | Event::DisplayMath(text) => outline.text(&text),
            Event::SoftBreak => outline.text(" "),
            Event::HardBreak => outline.text("\n"),
            Event::Rule => outline.end_block(),
            Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }
    Ok(outline.finish(&file.name))
}

fn begin(outline: &mut Outline, tag: &Tag<'_>) {
    match tag {
        Tag::List(first) => outline.begin_list(*first),
        Tag::Item => outline.begin_item(),
        Tag::Table(_) => outline.begin_table(),
        Tag::Heading { .. }
        | Tag::Paragraph
        | Tag::BlockQuote(_)
        | Tag::CodeBlock(_)
        | Tag::HtmlBlock
        | Tag::FootnoteDefinition(_)
        | Tag::MetadataBlock(_) => outline.end_block(),
        _ => {}
    }
}

fn end(outline: &mut Outline, tag: TagEnd) {
    match tag {
        TagEnd::Heading(level) => outline.end_heading(level as u8),
        TagEnd::List(_) => outline.end_list(),
        TagEnd::TableCell => outline.end_cell(),
        TagEnd::TableHead => outline.end_header(),
        TagEnd::TableRow => outline.end_row(),
        TagEnd::Table => outline.end_table(),
        TagEnd::MetadataBlock(_) => outline.title = title(&outline.take_block()),
        TagEnd::Paragraph
        | TagEnd::Item
        | TagEnd::BlockQuote(_)
        | TagEnd::CodeBlock
        | TagEnd::FootnoteDefinition => outline.end_block(),
        _ => {}
    }
}

/// The title in a block of metadata.
fn title(metadata: &str) -> Option<String> {
    let value = metadata.lines().find_map(|line| line.strip_prefix("title:"))?;
    let title = value.trim().trim_matches(['"', '\'']);
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Vec<(String, Vec<String>)> {
        let file = File { name: "a.md".to_owned(), bytes: text.as_bytes().to_vec() };
        let sections = read(&file).unwrap().sections.into_iter();
        sections.map(|section| (section.headings.join(" > "), section.paragraphs)).collect()
    }

    fn check(text: &str, expected: &[(&str, &[&str])]) {
        let found = sections(text);
        let found: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|(path, paragraphs)| (path.as_str(), paragraphs.iter().map(String::as_str).collect()))
            .collect();
        let expected: Vec<(&str, Vec<&str>)> =
            expected.iter().map(|(path, paragraphs)| (*path, paragraphs.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn paragraphs_stand_under_their_headings() {
        check(
            "# Parking\n\nFor *all*\nstaff.\n\n## Fines\n\nA bay costs `£25`.\n\nTwice: more.\n",
            &[("Parking", &["For all staff."]), ("Parking > Fines", &["A bay costs £25.", "Twice: more."])],
        );
    }

    #[test]
    fn list_items_are_paragraphs_with_their_marks() {
        check(
            "# Pay\n\n- Band H1: £12.94\n- Band H2\n  - night: £14\n\n3. third\n4. fourth\n\nAfter.\n",
            &[(
                "Pay",
                &["- Band H1: £12.94", "- Band H2", "- night: £14", "3. third", "4. fourth", "After."],
            )],
        );
    }

    #[test]
    fn rows_of_tables_name_their_columns() {
        check(
            "# Pay\n\n| Band | Pay |\n|---|---|\n| H1 | £12.94 |\n| H2 | **£13.27** |\n",
            &[("Pay", &["Band: H1; Pay: £12.94", "Band: H2; Pay: £13.27"])],
        );
    }

    #[test]
    fn code_keeps_its_lines_and_markup_is_read_as_html() {
        check(
            "# A\n\n```\none\n  two\n```\n\n<div>Ask <b>Security</b>.</div>\n\nLine<br>break\n",
            &[("A", &["one\ntwo", "Ask Security.", "Line\nbreak"])],
        );
    }

    #[test]
    fn metadata_gives_a_title_and_no_text() {
        check(
            "---\ntitle: \"Lost things\"\ndate: 2026\n---\n\n## Where\n\nHere.\n",
            &[("Lost things > Where", &["Here."])],
        );
    }

    #[test]
    fn a_document_without_headings_goes_by_its_file() {
        check("Only text.", &[("a", &["Only text."])]);
    }
}

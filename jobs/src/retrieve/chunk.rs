//! Documents to chunks: cut at headings first, then at paragraphs, then at sentences, then at words.
//!
//! Neighbouring sections stand in one chunk while they fit, so that short sections are not torn from each
//! other; what they have in common of their headings is the chunk's title.

use empiric_schema::document::Chunk;
use empiric_schema::job::Chunking;

use super::ingest::{Document, Section};

/// Parts of a heading's path.
const PATH_SEPARATOR: &str = " > ";

/// Why documents cannot be cut as asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "chunks of at most {max_words} words that repeat {overlap} words cannot be made: `overlap` must be less than `max_words`"
)]
pub struct ChunkingError {
    max_words: u32,
    overlap: u32,
}

/// The chunks of a document. No text has more than `max_words` words.
///
/// # Errors
/// The overlap leaves no room for anything new.
pub fn chunk(document: &Document, chunking: &Chunking) -> Result<Vec<Chunk>, ChunkingError> {
    let Chunking { max_words, overlap } = *chunking;
    if overlap >= max_words {
        return Err(ChunkingError { max_words, overlap });
    }
    let limits = Limits { words: max_words as usize, overlap: overlap as usize };
    let mut packer = Packer { document, limits, together: Vec::new(), chunks: Vec::new() };
    document.sections.iter().for_each(|section| packer.add(section));
    packer.close();
    Ok(packer.chunks)
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    words: usize,
    overlap: usize,
}

/// Puts sections together.
struct Packer<'a> {
    document: &'a Document,
    limits: Limits,
    /// Sections of the chunk that is open.
    together: Vec<&'a Section>,
    chunks: Vec<Chunk>,
}

impl<'a> Packer<'a> {
    fn add(&mut self, section: &'a Section) {
        self.together.push(section);
        if self.fits() {
            return;
        }
        self.together.pop();
        self.close();
        self.together.push(section);
        if !self.fits() {
            self.together.clear();
            let title = section.headings.join(PATH_SEPARATOR);
            for text in cut(&section.paragraphs, self.limits) {
                self.push(title.clone(), text);
            }
        }
    }

    fn fits(&self) -> bool {
        words(&joined(&self.together).1) <= self.limits.words
    }

    fn close(&mut self) {
        let together = std::mem::take(&mut self.together);
        if !together.is_empty() {
            let (title, text) = joined(&together);
            self.push(title, text);
        }
    }

    fn push(&mut self, title: String, text: String) {
        self.chunks.push(Chunk { document: self.document.name.clone(), title, text });
    }
}

/// The title of these sections, which is what their headings have in common, and their text.
fn joined(sections: &[&Section]) -> (String, String) {
    let first = sections.first().map(|section| section.headings.as_slice()).unwrap_or_default();
    let shared = sections.iter().map(|section| shared(first, &section.headings)).min().unwrap_or_default();
    let text: Vec<String> = sections.iter().map(|section| below(section, shared)).collect();
    (first[..shared].join(PATH_SEPARATOR), text.join("\n"))
}

/// How many headings two paths have in common from the outermost on.
fn shared(one: &[String], other: &[String]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// The section's paragraphs under those headings that are not in the title.
fn below(section: &Section, shared: usize) -> String {
    let heading = section.headings[shared..].join(PATH_SEPARATOR);
    let lines = std::iter::once(&heading).chain(&section.paragraphs);
    lines.filter(|line| !line.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// Cuts a section that is too long. Each text repeats the last words of the one before it.
fn cut(paragraphs: &[String], limits: Limits) -> Vec<String> {
    let room = limits.words - limits.overlap;
    let mut texts: Vec<String> = Vec::new();
    let mut text = String::new();
    for (separator, piece) in paragraphs.iter().flat_map(|paragraph| pieces(paragraph, room)) {
        if !text.is_empty() && words(&text) + words(&piece) > limits.words {
            let repeated = last_words(&text, limits.overlap);
            texts.push(std::mem::replace(&mut text, repeated));
        }
        if !text.is_empty() {
            text.push_str(separator);
        }
        text.push_str(&piece);
    }
    texts.push(text);
    texts
}

/// A paragraph as it is, or its sentences, or runs of their words: none has more than `room` words. Each
/// comes with what parts it from the text before it.
fn pieces(paragraph: &str, room: usize) -> Vec<(&'static str, String)> {
    if words(paragraph) <= room {
        return vec![("\n", paragraph.to_owned())];
    }
    let runs = sentences(paragraph).into_iter().flat_map(|sentence| runs(sentence, room));
    let separator = |index| if index == 0 { "\n" } else { " " };
    runs.enumerate().map(|(index, run)| (separator(index), run)).collect()
}

fn runs(sentence: &str, room: usize) -> Vec<String> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    words.chunks(room).map(|run| run.join(" ")).collect()
}

/// Cuts behind full stops, question and exclamation marks that white space follows, and at line breaks. That
/// an abbreviation is cut, too, costs little: only long paragraphs are cut at all.
fn sentences(paragraph: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut rest = paragraph;
    let mut before = ' ';
    let mut from = 0;
    for (at, letter) in paragraph.char_indices() {
        let ends = letter == '\n' || (letter.is_whitespace() && matches!(before, '.' | '?' | '!'));
        if ends {
            sentences.push(rest[..at - from].trim());
            rest = &paragraph[at..];
            from = at;
        }
        // A closing mark belongs to the sentence that it ends.
        if !matches!(letter, '"' | '\'' | ')' | ']' | '”' | '’') {
            before = letter;
        }
    }
    sentences.push(rest.trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

fn last_words(text: &str, count: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words[words.len().saturating_sub(count)..].join(" ")
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(path: &str, paragraphs: &[&str]) -> Section {
        Section {
            headings: path.split(" > ").map(str::to_owned).collect(),
            paragraphs: paragraphs.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    fn check(sections: &[Section], (max_words, overlap): (u32, u32), expected: &[(&str, &str)]) {
        let document = Document { name: "a.md".to_owned(), sections: sections.to_vec() };
        let chunks = chunk(&document, &Chunking { max_words, overlap }).unwrap();
        let found: Vec<(&str, &str)> =
            chunks.iter().map(|chunk| (chunk.title.as_str(), chunk.text.as_str())).collect();
        assert_eq!(found, expected);
        assert!(chunks.iter().all(|chunk| words(&chunk.text) <= max_words as usize));
    }

    fn book() -> Vec<Section> {
        vec![
            section("Book > One", &["a b c"]),
            section("Book > Two", &["d e", "f"]),
            section("Book > Two > Deep", &["g h i j"]),
        ]
    }

    #[test]
    fn sections_stand_together_while_they_fit() {
        check(&book(), (50, 0), &[("Book", "One\na b c\nTwo\nd e\nf\nTwo > Deep\ng h i j")]);
        check(&book(), (10, 0), &[("Book", "One\na b c\nTwo\nd e\nf"), ("Book > Two > Deep", "g h i j")]);
        check(
            &book(),
            (4, 0),
            &[("Book > One", "a b c"), ("Book > Two", "d e\nf"), ("Book > Two > Deep", "g h i j")],
        );
    }

    #[test]
    fn long_sections_are_cut_at_paragraphs_then_sentences_then_words() {
        check(&[section("T", &["a b", "c d", "e f g"])], (4, 0), &[("T", "a b\nc d"), ("T", "e f g")]);
        check(&[section("T", &["a b. c d! e?"])], (4, 0), &[("T", "a b. c d!"), ("T", "e?")]);
        check(&[section("T", &["a b c d e f g"])], (3, 0), &[("T", "a b c"), ("T", "d e f"), ("T", "g")]);
    }

    #[test]
    fn cut_sections_repeat_the_last_words() {
        check(
            &[section("T", &["a b c", "d e", "f g"])],
            (4, 1),
            &[("T", "a b c"), ("T", "c\nd e"), ("T", "e\nf g")],
        );
        let document = Document { name: "a".to_owned(), sections: Vec::new() };
        let error = chunk(&document, &Chunking { max_words: 5, overlap: 5 }).unwrap_err().to_string();
        assert!(error.contains("`overlap` must be less than `max_words`"), "{error}");
    }

    #[test]
    fn sentences_keep_their_closing_marks() {
        let text = "He said \"no.\" Pay £4.40 (always!) and go.\nNew line";
        assert_eq!(sentences(text), ["He said \"no.\"", "Pay £4.40 (always!)", "and go.", "New line"]);
    }

    #[test]
    fn every_word_is_in_some_chunk_in_its_order() {
        let text = "one two three. four five six seven eight nine! ten";
        let document =
            Document { name: "a".to_owned(), sections: vec![section("T", &[text, "eleven", text])] };
        for max_words in 1..30 {
            let chunks = chunk(&document, &Chunking { max_words, overlap: 0 }).unwrap();
            let all: Vec<&str> = chunks.iter().flat_map(|chunk| chunk.text.split_whitespace()).collect();
            let expected = format!("{text} eleven {text}");
            assert_eq!(all, expected.split_whitespace().collect::<Vec<_>>(), "{max_words}");
        }
    }
}

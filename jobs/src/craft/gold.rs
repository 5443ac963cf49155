//! Finds the passage that an item's answer rests on.

use empiric_schema::document::Chunk;

use crate::retrieve::{Bm25, words};

/// The chunks of an index, to be searched for answers.
pub(super) struct GoldFinder<'a> {
    chunks: &'a [Chunk],
    words: Vec<Vec<String>>,
    index: Bm25,
}

/// Where an item's answer rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gold {
    /// Place of the chunk.
    pub(super) chunk: usize,
    /// How many of the wanted texts stand in it.
    pub(super) holds: usize,
}

impl<'a> GoldFinder<'a> {
    pub(super) fn new(chunks: &'a [Chunk]) -> Self {
        let texts: Vec<String> = chunks.iter().map(Chunk::passage).collect();
        let words = texts.iter().map(|text| words(text).collect()).collect();
        Self { chunks, words, index: Bm25::new(&texts) }
    }

    /// The chunk of these documents that holds the most of the wanted texts; of equals the one that is most
    /// like the question. Nothing where the index has none of the documents.
    pub(super) fn find(&self, documents: &[String], question: &str, wanted: &[String]) -> Option<Gold> {
        let wanted: Vec<Vec<String>> = wanted.iter().map(|text| words(text).collect()).collect();
        let ranked = self.index.ranked(question).into_iter().map(|scored| scored.place);
        let named = ranked.filter(|place| documents.contains(&self.chunks[*place].document));
        let found = named.map(|chunk| Gold { chunk, holds: self.holds(chunk, &wanted) });
        found.reduce(|best, next| if next.holds > best.holds { next } else { best })
    }

    fn holds(&self, chunk: usize, wanted: &[Vec<String>]) -> usize {
        let is_in = |wanted: &&Vec<String>| contains(&self.words[chunk], wanted);
        wanted.iter().filter(is_in).count()
    }
}

/// Whether words stand in a text one after another; case, punctuation and spaces do not count.
fn contains(text: &[String], wanted: &[String]) -> bool {
    !wanted.is_empty() && text.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(document: &str, text: &str) -> Chunk {
        Chunk { document: document.into(), title: "Title".into(), text: text.into() }
    }

    #[test]
    fn the_chunk_that_holds_the_answer_is_found_whatever_its_punctuation() {
        let chunks = [
            chunk("a", "Parking is behind the boat house."),
            chunk("a", "The permit costs **£14.50** a month; parking parking parking."),
            chunk("b", "£14.50"),
        ];
        let finder = GoldFinder::new(&chunks);
        let find = |documents: &[&str], wanted: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            finder.find(&owned(documents), "where is parking?", &owned(wanted))
        };
        assert_eq!(find(&["a"], &["£14.50", "14.50"]), Some(Gold { chunk: 1, holds: 2 }));
        assert_eq!(find(&["a"], &["Boat-House"]), Some(Gold { chunk: 0, holds: 1 }));
        assert_eq!(find(&["a"], &["145", "14"]).map(|gold| gold.holds), Some(1));
        assert_eq!(find(&["b", "c"], &["nothing"]), Some(Gold { chunk: 2, holds: 0 }));
        assert_eq!(find(&["c"], &["£14.50"]), None);
    }
}

//! The chunks of the project's documents, and the one that holds an item's answer.

use std::collections::HashMap;

use empiric_schema::data::Item;
use empiric_schema::document::Chunk;

use super::lenient::{Quantity, Token, holds, quantities, tokens};
use super::work::Work;
use crate::retrieve::Bm25;

/// Chunks by document.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    chunks: Vec<Chunk>,
    by_document: HashMap<String, Vec<usize>>,
}

impl Passages {
    /// Sorts the chunks by their documents.
    pub(crate) fn new(chunks: Vec<Chunk>) -> Self {
        let mut by_document: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, chunk) in chunks.iter().enumerate() {
            by_document.entry(chunk.document.clone()).or_default().push(place);
        }
        Self { chunks, by_document }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Whether an accepted answer of the item stands in any chunk.
    pub(crate) fn any_says(&self, item: &Item) -> bool {
        self.chunks.iter().any(|chunk| holds_answer(&tokens(&chunk.passage()), item))
    }

    /// The chunk at this place of the chunks file.
    pub(crate) fn get(&self, place: usize) -> Option<&Chunk> {
        self.chunks.get(place)
    }

    /// The chunks of all documents that the item names, in the order of the names.
    pub(crate) fn named(&self, item: &Item) -> Vec<&Chunk> {
        let places = item.documents.iter().filter_map(|document| self.by_document.get(document));
        places.flatten().map(|place| &self.chunks[*place]).collect()
    }

    /// Whether every document that the item names has chunks.
    pub(crate) fn knows_all_of(&self, item: &Item) -> bool {
        item.documents.iter().all(|document| self.by_document.contains_key(document))
    }

    /// The chunk of the item's documents that the answer comes from, and the reckoning where it takes one: the
    /// chunk that holds the numbers of the item's tag, or an accepted answer, or a number from which it can
    /// be reckoned. Among several, and without any, the one most like the question.
    pub(crate) fn gold(&self, item: &Item) -> (Option<&Chunk>, Option<Work>) {
        let ranked = self.ranked(item);
        let first = |fits: &dyn Fn(&[Token]) -> bool| {
            ranked.iter().find(|chunk| fits(&tokens(&chunk.passage()))).copied()
        };
        let by_answer = || first(&|text| holds_answer(text, item));
        if let Some(work) = Work::tagged(item) {
            let by_work =
                || first(&|text| !work.from_passage.is_empty() && has_all(text, &work.from_passage));
            let gold = by_work().or_else(by_answer).or(ranked.first().copied());
            return (gold, Some(work));
        }
        if let Some(gold) = by_answer() {
            return (Some(gold), None);
        }
        let found = ranked.iter().find_map(|chunk| {
            let work = Work::searched(item, &chunk.passage())?;
            Some((Some(*chunk), Some(work)))
        });
        found.unwrap_or((ranked.first().copied(), None))
    }

    /// The chunks of the item's documents, the one most like the question first.
    fn ranked(&self, item: &Item) -> Vec<&Chunk> {
        let named = self.named(item);
        let ranked = Bm25::new(named.iter().map(|chunk| chunk.passage())).ranked(&item.input);
        ranked.into_iter().map(|scored| named[scored.place]).collect()
    }
}

/// Whether an accepted answer stands in the text, leniently read.
pub(crate) fn holds_answer(text: &[Token], item: &Item) -> bool {
    item.expected.alternatives().iter().any(|answer| holds(text, &tokens(answer)))
}

/// Whether all the numbers stand in the text. Pence are pounds too: `0.31` is `31 pence`.
fn has_all(text: &[Token], numbers: &[f64]) -> bool {
    let found: Vec<Quantity> = quantities(text).collect();
    let is = |quantity: &Quantity, number: f64| {
        quantity.is(number) || quantity.unit == Some("pence") && quantity.is(number * 100.0)
    };
    numbers.iter().all(|number| found.iter().any(|quantity| is(quantity, *number)))
}

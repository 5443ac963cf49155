//! What speaks for an item's answer.

use std::collections::BTreeSet;

use empiric_schema::data::Item;

use super::gold::GoldFinder;
use crate::tools::{expression_numbers, worked_answer};

/// Why an answer may be taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    /// Nothing is looked up, so there is nothing to hold it against.
    Unchecked,
    /// It stands in a chunk of its documents, or its expression leads to it.
    Fact {
        /// Place of the chunk.
        gold: usize,
    },
    /// It declines although its documents may tell: something that must not be told.
    Refusal {
        /// Place of the chunk with what is kept back.
        gold: usize,
    },
    /// It says that no document tells.
    Abstention,
}

/// Holds items against the documents of a version.
pub(super) struct Verifier<'a> {
    finder: Option<GoldFinder<'a>>,
    /// Answers that decline. A file that gives an answer to an item without documents, or to one with forbidden
    /// texts, does not mean a fact by it.
    declining: BTreeSet<Vec<String>>,
}

impl<'a> Verifier<'a> {
    /// `finder` is nothing where the version looks nothing up; `items` are all that the file has.
    pub(super) fn new(finder: Option<GoldFinder<'a>>, items: &[Item]) -> Self {
        let declining = items.iter().filter(|item| item.documents.is_empty() || !item.forbidden.is_empty());
        Self { finder, declining: declining.map(key).collect() }
    }

    /// What speaks for the item's answer; nothing where nothing does.
    pub(super) fn verify(&self, item: &Item) -> Option<Verified> {
        let Some(finder) = &self.finder else {
            return Some(Verified::Unchecked);
        };
        if item.documents.is_empty() {
            return Some(Verified::Abstention);
        }
        if self.declining.contains(&key(item)) {
            let gold = finder.find(&item.documents, &item.input, &item.forbidden)?;
            return Some(Verified::Refusal { gold: gold.chunk });
        }
        if worked_answer(item).is_some() {
            let gold = finder.find(&item.documents, &item.input, &expression_numbers(item))?;
            return Some(Verified::Fact { gold: gold.chunk });
        }
        let gold = finder.find(&item.documents, &item.input, item.expected.alternatives())?;
        (gold.holds > 0).then_some(Verified::Fact { gold: gold.chunk })
    }
}

fn key(item: &Item) -> Vec<String> {
    item.expected.alternatives().iter().map(|answer| answer.trim().to_lowercase()).collect()
}

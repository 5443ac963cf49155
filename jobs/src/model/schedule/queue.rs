//! Who waits, in the order that shares most.

use std::collections::VecDeque;

use super::sequence::{Reading, Sequence};
use super::slots::common;

/// A sequence that has not begun.
pub(super) struct Waiting<'a, S> {
    /// Its place in the call.
    pub(super) index: usize,
    pub(super) sequence: S,
    pub(super) reading: Reading<'a>,
}

/// Waiting sequences, sorted by their tokens.
///
/// In that order neighbours share the longest beginnings, so that with one sequence after another every path
/// of the prompts' prefix tree is read once. Lengths need no sorting: without padding a short text costs
/// nothing beside a long one, and passes are kept even by cutting.
pub(super) struct Queue<'a, S> {
    waiting: VecDeque<Waiting<'a, S>>,
}

impl<'a, S: Sequence<'a>> Queue<'a, S> {
    pub(super) fn new(sequences: Vec<S>) -> Self {
        let numbered = sequences.into_iter().enumerate();
        let mut waiting: Vec<Waiting<'a, S>> = numbered
            .map(|(index, sequence)| Waiting { index, reading: sequence.first(), sequence })
            .collect();
        // Equal tokens keep the call's order: the sort is stable.
        waiting.sort_by(|a, b| a.reading.tokens.cmp(&b.reading.tokens));
        Self { waiting: waiting.into() }
    }

    /// The one at this place of the queue.
    pub(super) fn at(&self, place: usize) -> Option<&Waiting<'a, S>> {
        self.waiting.get(place)
    }

    /// Takes out the one at this place.
    pub(super) fn take(&mut self, place: usize) -> Option<Waiting<'a, S>> {
        self.waiting.remove(place)
    }

    /// The room that the largest needs.
    pub(super) fn largest_room(&self) -> usize {
        self.waiting.iter().map(|waiting| waiting.sequence.room()).max().unwrap_or(0)
    }

    /// The readings that the longest takes, at least one.
    pub(super) fn most_readings(&self) -> usize {
        self.waiting.iter().map(|waiting| waiting.sequence.readings()).max().unwrap_or(0).max(1)
    }

    /// Tokens that one sequence adds to the work, on average: what it does not share with the one before it.
    pub(super) fn mean_tokens(&self) -> usize {
        let tokens = |waiting: &Waiting<'a, S>| waiting.reading.tokens.len();
        let pairs = self.waiting.iter().zip(self.waiting.iter().skip(1));
        let shared: usize = pairs.map(|(a, b)| common(&a.reading.tokens, &b.reading.tokens)).sum();
        let all: usize = self.waiting.iter().map(tokens).sum();
        (all - shared) / self.waiting.len().max(1)
    }
}

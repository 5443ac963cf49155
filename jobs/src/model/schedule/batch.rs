//! The batch: who is in it, and one pass of the network after another.

use rayon::prelude::*;

use super::pace::Pace;
use super::queue::Queue;
use super::sequence::{Next, Reading, Sequence};
use super::slots::{Slot, Slots};
use crate::model::error::ModelError;
use crate::model::files::LoadedModel;
use crate::model::llama::{Segment, with_values};
use crate::model::observe::{Flow, Observer, Totals};

/// Tokens that one pass reads at most. More gain nothing and cost memory.
const PASS_TOKENS: usize = 512;
/// Logits that one pass makes at most: each takes as many floats as the vocabulary has tokens.
const PASS_LOGITS: usize = 128;
/// Tokens that must be saved before a sequence waits for another one that reads its beginning now.
const WORTH_WAITING: usize = 16;
/// Waiting sequences that are looked at for one that can join.
const LOOK_AHEAD: usize = 64;

/// Works the sequences off, at most `batch` at a time. Results do not depend on `batch` or on the order, as
/// far as sums of floats do not: sequences share no arithmetic.
pub(crate) fn run<'a, S: Sequence<'a>>(
    model: &LoadedModel,
    sequences: Vec<S>,
    batch: usize,
    observer: &mut dyn Observer<S::Output>,
) -> Result<Flow, ModelError> {
    let (queue, size) = (Queue::new(sequences), batch.max(1));
    let slots = Slots::new(model.llama.config(), size, queue.largest_room());
    let pace = Pace::new(size, queue.mean_tokens(), queue.most_readings());
    let (active, finished) = (Vec::new(), Totals::default());
    let mut batch = Batch { model, queue, slots, pace, size, active, finished };
    while batch.admit() {
        let parts = batch.parts();
        if observer.before_pass(batch.totals(&parts)) == Flow::Stop {
            return Ok(Flow::Stop);
        }
        batch.pass(&parts)?;
        if batch.settle(observer)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

/// A sequence in the batch.
struct Active<'a, S> {
    index: usize,
    sequence: S,
    reading: Reading<'a>,
    /// Tokens of the reading that were read.
    done: usize,
    slot: Slot,
}

impl<'a, S: Sequence<'a>> Active<'a, S> {
    fn rest(&self) -> &[u32] {
        &self.reading.tokens[self.done..]
    }

    /// Logits that a part of the rest leads to.
    fn logits(&self, part: usize) -> usize {
        part.saturating_sub(self.reading.quiet.saturating_sub(self.done))
    }

    fn begin(&mut self, reading: Reading<'a>) {
        self.slot.truncate(reading.keep);
        self.reading = reading;
        self.done = 0;
    }
}

struct Batch<'a, 'm, S> {
    model: &'m LoadedModel,
    queue: Queue<'a, S>,
    slots: Slots<'m>,
    pace: Pace,
    /// Most sequences at a time.
    size: usize,
    active: Vec<Active<'a, S>>,
    /// What sequences that left have used.
    finished: Totals,
}

impl<'a, S: Sequence<'a>> Batch<'a, '_, S> {
    /// Lets waiting sequences join until the pass has enough to read. Returns whether there is anything to do.
    fn admit(&mut self) -> bool {
        let mut load: usize = self.active.iter().map(|active| active.rest().len()).sum();
        let mut place = 0;
        let enough = self.pace.tokens().min(PASS_TOKENS);
        while load < enough && self.active.len() < self.size && place < LOOK_AHEAD {
            let Some(waiting) = self.queue.at(place) else {
                break;
            };
            if self.is_coming(&waiting.reading) {
                place += 1;
                continue;
            }
            load += self.join(place);
        }
        !self.active.is_empty()
    }

    /// Whether much more of this beginning will be there after the pass than is now.
    fn is_coming(&self, reading: &Reading<'_>) -> bool {
        let now = self.slots_held().map(|slot| slot.shared(reading)).max().unwrap_or(0);
        let after = |active: &Active<'a, S>| active.slot.shared_after(active.rest(), reading);
        let soon = self.active.iter().map(after).max().unwrap_or(0);
        soon >= now + WORTH_WAITING
    }

    fn slots_held(&self) -> impl Iterator<Item = &Slot> {
        self.active.iter().map(|active| &active.slot).chain(self.slots.free())
    }

    /// Gives the waiting sequence a cache with all of its beginning that is there. Returns what is left to read.
    fn join(&mut self, place: usize) -> usize {
        let Some(waiting) = self.queue.take(place) else {
            return 0;
        };
        let mut slot = self.slots.acquire(&waiting.reading, waiting.sequence.room());
        let shared = |donor: &&Slot| donor.shared(&waiting.reading);
        if let Some(donor) = self.slots_held().max_by_key(shared).filter(|donor| shared(donor) > slot.len()) {
            slot.extend_from(donor, shared(&donor));
        }
        let done = slot.len();
        let left = waiting.reading.tokens.len() - done;
        let (index, sequence, reading) = (waiting.index, waiting.sequence, waiting.reading);
        self.active.push(Active { index, sequence, reading, done, slot });
        left
    }

    /// Tokens that each sequence reads in the next pass: the eldest first, and what fits.
    fn parts(&self) -> Vec<usize> {
        let (mut tokens, mut logits) = (PASS_TOKENS, PASS_LOGITS);
        let part = |active: &Active<'a, S>| {
            let rest = active.rest().len();
            let most = rest.min(tokens);
            let part = most - active.logits(most).saturating_sub(logits);
            tokens -= part;
            logits -= active.logits(part);
            part
        };
        self.active.iter().map(part).collect()
    }

    /// What will have been used after the pass.
    fn totals(&self, parts: &[usize]) -> Totals {
        let mut totals = self.finished;
        for (active, part) in self.active.iter().zip(parts) {
            totals += active.sequence.usage();
            totals.completion_tokens += if *part == active.rest().len() { S::SAMPLES } else { 0 };
        }
        totals
    }

    /// Reads the parts and hands out the logits.
    fn pass(&mut self, parts: &[usize]) -> Result<(), ModelError> {
        let mut wanted = Vec::new();
        let mut start = 0;
        for (active, part) in self.active.iter().zip(parts) {
            let end = start + part;
            wanted.extend((end - active.logits(*part)..end).map(|at| at as u32));
            start = end;
        }
        let logits = self.model.llama.forward_at(&mut self.segments(parts), &wanted)?;
        if !wanted.is_empty() {
            with_values(&logits, |values| self.hand_out(values, parts))??;
        }
        for (active, part) in self.active.iter_mut().zip(parts) {
            active.slot.note(&active.reading.tokens[active.done..][..*part]);
            active.done += part;
        }
        Ok(())
    }

    fn segments(&mut self, parts: &[usize]) -> Vec<Segment<'_>> {
        let adapter = self.model.adapter.as_deref();
        let reading = self.active.iter_mut().zip(parts).filter(|(_, part)| **part > 0);
        reading
            .map(|(active, part)| Segment {
                tokens: &active.reading.tokens[active.done..][..*part],
                cache: &mut active.slot.cache,
                adapter,
            })
            .collect()
    }

    fn hand_out(&mut self, logits: &[f32], parts: &[usize]) -> Result<(), ModelError> {
        let vocabulary = self.model.llama.config().vocabulary;
        let mut rest = logits;
        let mut work = Vec::with_capacity(self.active.len());
        for (active, part) in self.active.iter_mut().zip(parts) {
            let (rows, after) = rest.split_at(active.logits(*part) * vocabulary);
            work.push((&mut active.sequence, rows));
            rest = after;
        }
        let take = |(sequence, rows): (&mut S, &[f32])| {
            rows.chunks_exact(vocabulary).try_for_each(|row| sequence.take(row))
        };
        work.into_par_iter().try_for_each(take)
    }

    /// Asks sequences that have read all what comes next; those that are done leave.
    fn settle(&mut self, observer: &mut dyn Observer<S::Output>) -> Result<Flow, ModelError> {
        let mut flow = Flow::Continue;
        for mut active in std::mem::take(&mut self.active) {
            if !active.rest().is_empty() {
                self.active.push(active);
                continue;
            }
            self.pace.note_reading();
            match active.sequence.next()? {
                Next::Read(reading) => {
                    if observer.extended(active.index, active.sequence.answer()) == Flow::Stop {
                        flow = Flow::Stop;
                    }
                    active.begin(reading);
                    self.active.push(active);
                }
                Next::Done(output) => {
                    self.finished += active.sequence.usage();
                    self.slots.release(active.slot);
                    self.pace.note_done();
                    if observer.finished(active.index, output) == Flow::Stop {
                        flow = Flow::Stop;
                    }
                }
            }
        }
        Ok(flow)
    }
}

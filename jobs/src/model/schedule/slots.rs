//! Caches that are used again, with what they hold.

use std::cmp::Reverse;

use super::sequence::Reading;
use crate::model::config::LlamaConfig;
use crate::model::kv_cache::KvCache;

/// Sizes of caches are multiples of this, so that one serves prompts of about a length.
const STEP: usize = 64;

/// A cache and the tokens that it holds.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) cache: KvCache,
    held: Vec<u32>,
}

impl Slot {
    fn new(config: &LlamaConfig, room: usize) -> Self {
        Self { cache: KvCache::new(config, room), held: Vec::with_capacity(room) }
    }

    /// Tokens in the cache.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Notes tokens that were read into the cache.
    pub(super) fn note(&mut self, tokens: &[u32]) {
        self.held.extend_from_slice(tokens);
        debug_assert_eq!(self.held.len(), self.cache.len());
    }

    /// Forgets all tokens but the first `length`.
    pub(super) fn truncate(&mut self, length: usize) {
        self.held.truncate(length);
        self.cache.truncate(length);
    }

    /// Tokens at the beginning that a first reading can take over.
    pub(super) fn shared(&self, reading: &Reading<'_>) -> usize {
        common(&self.held, &reading.tokens).min(reading.quiet)
    }

    /// The same once this slot has read `rest` too.
    pub(super) fn shared_after(&self, rest: &[u32], reading: &Reading<'_>) -> usize {
        let now = common(&self.held, &reading.tokens);
        let later = if now == self.len() { common(rest, &reading.tokens[now..]) } else { 0 };
        (now + later).min(reading.quiet)
    }

    /// Takes over the donor's tokens up to `end`. Both begin with the same tokens.
    pub(super) fn extend_from(&mut self, donor: &Self, end: usize) {
        self.cache.extend_from(&donor.cache, end);
        self.held.extend_from_slice(&donor.held[self.held.len()..end]);
    }

    /// The same tokens in a larger cache.
    fn grow(mut self, config: &LlamaConfig, room: usize) -> Self {
        self.cache = self.cache.fork(config, room);
        self
    }
}

/// Tokens that both begin with.
pub(super) fn common(left: &[u32], right: &[u32]) -> usize {
    left.iter().zip(right).take_while(|(a, b)| a == b).count()
}

/// Caches that no sequence uses now. They keep what they hold, as beginnings of sequences to come.
#[derive(Debug)]
pub(super) struct Slots<'a> {
    config: &'a LlamaConfig,
    free: Vec<Slot>,
    /// Caches made so far, in use or free.
    made: usize,
    /// Most caches.
    limit: usize,
    /// The room that the largest sequence of the call needs.
    largest: usize,
}

impl<'a> Slots<'a> {
    pub(super) fn new(config: &'a LlamaConfig, limit: usize, largest: usize) -> Self {
        Self { config, free: Vec::new(), made: 0, limit, largest }
    }

    /// Caches that no sequence uses now.
    pub(super) fn free(&self) -> &[Slot] {
        &self.free
    }

    /// Hands out a cache with `room`. It holds what it already shares with the reading, and nothing else.
    pub(super) fn acquire(&mut self, reading: &Reading<'_>, room: usize) -> Slot {
        let fits = |slot: &Slot| slot.cache.capacity() >= room;
        let worth = |slot: &Slot| (fits(slot), slot.shared(reading), Reverse(slot.cache.capacity()));
        let best = (0..self.free.len()).max_by_key(|place| worth(&self.free[*place]));
        let best = best.filter(|place| fits(&self.free[*place]) || self.made >= self.limit);
        let Some(place) = best else {
            self.made += 1;
            return Slot::new(self.config, self.size(room));
        };
        let mut slot = self.free.swap_remove(place);
        slot.truncate(slot.shared(reading));
        if fits(&slot) { slot } else { slot.grow(self.config, self.size(room)) }
    }

    /// Takes a cache back.
    pub(super) fn release(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    /// Room for the largest sequence, unless that wastes more than half.
    fn size(&self, room: usize) -> usize {
        let size = if self.largest <= 2 * room { self.largest } else { room };
        size.next_multiple_of(STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tiny;

    fn reading(tokens: &[u32]) -> Reading<'_> {
        Reading { keep: 0, tokens: tokens.into(), quiet: tokens.len() - 1 }
    }

    fn used(slots: &mut Slots<'_>, tokens: &[u32], room: usize) -> Slot {
        let mut slot = slots.acquire(&reading(tokens), room);
        let new = &tokens[slot.len()..];
        slot.cache.advance(new.len());
        slot.note(new);
        slot
    }

    #[test]
    fn a_cache_that_comes_back_is_used_again_with_what_fits() {
        let config = tiny::config();
        let mut slots = Slots::new(&config, 2, 100);
        let one = used(&mut slots, &[1, 2, 3, 4], 90);
        let two = used(&mut slots, &[1, 9, 9, 9], 90);
        assert_eq!((slots.made, one.cache.capacity()), (2, 128));
        slots.release(one);
        slots.release(two);
        let again = slots.acquire(&reading(&[1, 2, 3, 7, 7]), 100);
        assert_eq!((again.held.as_slice(), again.cache.len(), slots.made), ([1, 2, 3].as_slice(), 3, 2));
    }

    #[test]
    fn the_last_token_is_never_taken_over() {
        let config = tiny::config();
        let mut slots = Slots::new(&config, 1, 16);
        let slot = used(&mut slots, &[1, 2, 3], 16);
        assert_eq!(slot.shared(&reading(&[1, 2, 3])), 2);
        assert_eq!(slot.shared_after(&[4, 5], &reading(&[1, 2, 3, 4])), 3);
        assert_eq!(slot.shared_after(&[4, 5], &reading(&[1, 2, 3, 4, 5, 6])), 5);
    }

    #[test]
    fn one_long_sequence_does_not_make_all_caches_large() {
        let config = tiny::config();
        let mut slots = Slots::new(&config, 1, 500);
        let small = used(&mut slots, &[1, 2, 3], 20);
        assert_eq!(small.cache.capacity(), 64);
        slots.release(small);
        let large = slots.acquire(&reading(&[1, 2, 8]), 480);
        assert_eq!((large.cache.capacity(), large.held.as_slice(), slots.made), (512, [1, 2].as_slice(), 1));
    }
}

//! How many tokens a pass should read, so that passes stay even.
//!
//! A pass with few rows is slow for its size: it streams all weights for them. Sequences that all join at
//! once also write their answers at once, in many such passes. If instead so many join in each pass as leave,
//! the single tokens of answers always ride along with the many of prompts.

/// A pass with fewer tokens wastes the machine: on two cores a row of 32 costs 1.6 times, a row of 16 more than
/// twice a row of 128 or more.
const LEAST: usize = 128;

/// The pace at which sequences join.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Most sequences at a time.
    batch: usize,
    /// Tokens that a sequence reads first, on average.
    first: usize,
    /// Readings of all sequences so far; at the start the most that one takes, as the only guess.
    readings: usize,
    /// Sequences that are done, and one for the guess.
    done: usize,
}

impl Pace {
    pub(super) fn new(batch: usize, first: usize, most_readings: usize) -> Self {
        Self { batch, first, readings: most_readings, done: 1 }
    }

    /// Notes a reading that ended.
    pub(super) fn note_reading(&mut self) {
        self.readings += 1;
    }

    /// Notes a sequence that left.
    pub(super) fn note_done(&mut self) {
        self.done += 1;
    }

    /// Tokens with which the next pass has enough. In the time that a sequence stays, a whole batch should join.
    pub(super) fn tokens(&self) -> usize {
        let joining = self.batch * self.first * self.done / self.readings;
        (joining + self.batch).max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_let_few_join_and_short_ones_many() {
        assert_eq!(Pace::new(32, 85, 256).tokens(), LEAST);
        assert_eq!(Pace::new(32, 85, 16).tokens(), 32 * 85 / 16 + 32);
        assert_eq!(Pace::new(32, 85, 1).tokens(), 32 * 85 + 32);
    }

    #[test]
    fn answers_that_end_early_quicken_the_pace() {
        let mut pace = Pace::new(32, 85, 64);
        let slow = pace.tokens();
        for _ in 0..100 {
            (0..8).for_each(|_| pace.note_reading());
            pace.note_done();
        }
        assert!(pace.tokens() > 2 * slow, "{slow} {}", pace.tokens());
    }
}

//! Random numbers that stay the same over versions and machines: checkpoints and records rely on them.

/// SplitMix64 (Steele, Lea and Flood 2014): one 64-bit state, good enough for start values and shuffling.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each pair of seed and number.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed);
        let mixed = random.next() ^ stream.wrapping_mul(0x9fb2_1c65_1e98_df25);
        Self(mixed)
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform over `[-bound, bound)`.
    pub(crate) fn symmetric(&mut self, bound: f32) -> f32 {
        let unit = (self.next() >> 40) as f32 / (1u32 << 24) as f32;
        (2.0 * unit - 1.0) * bound
    }

    /// Puts the values into random order (Fisher and Yates). The bias of the remainder is below 2^-40 for any
    /// list that fits into memory.
    pub(crate) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence_is_met() {
        let mut random = Random(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn values_stay_in_their_bounds_and_fill_them() {
        let mut random = Random::new(3, 4);
        let values: Vec<f32> = (0..10_000).map(|_| random.symmetric(0.5)).collect();
        assert!(values.iter().all(|value| (-0.5..0.5).contains(value)));
        let mean = values.iter().sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.02 && values.iter().any(|v| *v > 0.49), "{mean}");
    }

    #[test]
    fn a_shuffle_keeps_all_values_and_depends_on_its_stream() {
        let shuffled = |stream: u64| {
            let mut values: Vec<u32> = (0..50).collect();
            Random::new(9, stream).shuffle(&mut values);
            values
        };
        let (first, second) = (shuffled(0), shuffled(1));
        assert_ne!(first, second);
        assert_eq!(first, shuffled(0));
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
    }
}

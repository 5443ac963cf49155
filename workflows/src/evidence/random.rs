//! A tiny generator whose numbers never change, for resampling and shuffled orders.
//!
//! SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
//! 2014, after Vigna's reference code). It is written here because library generators may change
//! their streams between versions, and a workflow must replay the same for ever. Not for secrets.

/// A SplitMix64 stream.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream that belongs to this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `[0, bound)` without modulo bias (Lemire, "Fast random integer generation in
    /// an interval", 2019). A bound of 0 gives 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 {
            return 0;
        }
        let bound = bound as u64;
        let rejected = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= rejected {
                return (product >> 64) as usize;
            }
        }
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The indices `0..n` in a random order that belongs to the seed (Fisher-Yates).
pub fn seeded_order(seed: u64, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut random = SplitMix64::new(seed);
    for last in (1..n).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stream_is_that_of_the_reference_code() {
        let mut random = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..5).map(|_| random.next_u64()).collect();
        let reference = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(first, reference);
    }

    #[test]
    fn order_never_changes_for_a_seed() {
        assert_eq!(seeded_order(7, 8), seeded_order(7, 8));
        assert_eq!(seeded_order(42, 8), ORDER_OF_SEED_42);
        assert_ne!(seeded_order(7, 100), seeded_order(8, 100));
    }

    /// From a separate implementation of the same algorithm.
    const ORDER_OF_SEED_42: [usize; 8] = [4, 3, 2, 0, 7, 6, 1, 5];

    #[test]
    fn every_position_is_equally_likely() {
        let mut seen = [0_u32; 6];
        for seed in 0..6000 {
            seen[seeded_order(seed, 6)[0]] += 1;
        }
        assert!(seen.iter().all(|&count| (880..1120).contains(&count)), "{seen:?}");
    }

    proptest! {
        #[test]
        fn order_is_a_permutation(seed: u64, n in 0_usize..300) {
            let mut order = seeded_order(seed, n);
            order.sort_unstable();
            prop_assert_eq!(order, (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn bounded_numbers_stay_below(seed: u64, bound in 1_usize..1000) {
            let mut random = SplitMix64::new(seed);
            prop_assert!(random.below(bound) < bound);
            prop_assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}

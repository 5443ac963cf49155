//! Confidence intervals of a rate.
//!
//! Wilson for display, Clopper-Pearson for gates. The normal approximation is left out on
//! purpose: under a few hundred items, and near 0 or 1, it is wrong.

use empiric_schema::evidence::{Alpha, Interval, Proportion};
use statrs::distribution::{ContinuousCDF, Normal};

use super::distribution::upper_tail;

/// What is known of a rate before anything is measured.
const UNKNOWN: (f64, f64) = (0.0, 1.0);

/// Wilson's score interval at level `1 - alpha` (Wilson 1927), for display.
///
/// Its coverage is right on average, not at every rate. Nothing tried gives `[0, 1]`.
pub fn wilson(counts: Proportion, alpha: Alpha) -> Interval {
    let (low, high) = match counts.rate() {
        None => UNKNOWN,
        Some(rate) => wilson_ends(counts, rate, normal_quantile(1.0 - alpha.get() / 2.0)),
    };
    Interval { low, high, level: 1.0 - alpha.get() }
}

/// The two roots, with the ends at 0 and 1 exact where nothing or everything succeeded.
fn wilson_ends(counts: Proportion, rate: f64, z: f64) -> (f64, f64) {
    let n = counts.trials() as f64;
    let z2 = z * z;
    let centre = (rate + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let spread = (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    let half = z / (1.0 + z2 / n) * spread;
    let low = if counts.successes() == 0 { 0.0 } else { centre - half };
    let high = if counts.failures() == 0 { 1.0 } else { centre + half };
    (low.clamp(0.0, rate), high.clamp(rate, 1.0))
}

fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// The exact two-sided interval at level `1 - alpha` (Clopper and Pearson 1934), for gates.
///
/// It never covers less often than stated. Nothing tried gives `[0, 1]`.
pub fn clopper_pearson(counts: Proportion, alpha: Alpha) -> Interval {
    Interval {
        low: lower_bound(counts, alpha.half()),
        high: upper_bound(counts, alpha.half()),
        level: 1.0 - alpha.get(),
    }
}

/// Both exact one-sided bounds, each wrong with probability `alpha` at most; together the level
/// is `1 - 2 alpha`.
pub fn one_sided_bounds(counts: Proportion, alpha: Alpha) -> Interval {
    Interval {
        low: lower_bound(counts, alpha),
        high: upper_bound(counts, alpha),
        level: (1.0 - 2.0 * alpha.get()).max(0.0),
    }
}

/// The exact one-sided lower bound: the true rate is below it with probability `alpha` at most.
/// 0 when nothing succeeded or nothing was tried.
pub fn lower_bound(counts: Proportion, alpha: Alpha) -> f64 {
    smallest_credible_rate(counts.successes(), counts.trials(), alpha)
}

/// The exact one-sided upper bound: the true rate is above it with probability `alpha` at most.
/// 1 when everything succeeded or nothing was tried.
pub fn upper_bound(counts: Proportion, alpha: Alpha) -> f64 {
    1.0 - smallest_credible_rate(counts.failures(), counts.trials(), alpha)
}

/// The `alpha` quantile of `Beta(successes, trials - successes + 1)`.
///
/// By bisection on the binomial tail, which cannot fail to converge as Newton steps can, and ends
/// on the conservative side.
fn smallest_credible_rate(successes: u64, trials: u64, alpha: Alpha) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    let (mut low, mut high) = UNKNOWN;
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return low;
        }
        if upper_tail(successes, trials, middle) <= alpha.get() {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Rule of three: after `trials` without one event, its rate is below `3 / trials` with 95 %
/// confidence (Hanley and Lippman-Hand 1983). For saying it in words; gates use [`upper_bound`].
pub fn rule_of_three(trials: u64) -> f64 {
    if trials == 0 {
        return 1.0;
    }
    (3.0 / trials as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::distribution::probability;
    use super::*;
    use proptest::prelude::*;

    fn counts(successes: u64, trials: u64) -> Proportion {
        Proportion::new(successes, trials).unwrap()
    }

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual - expected).abs() < tolerance, "{actual} is not {expected}");
    }

    #[test]
    fn wilson_gives_published_values() {
        // Newcombe 1998 (Statistics in Medicine 17:857-872), table I, method 3.
        for (k, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let interval = wilson(counts(k, n), Alpha::FIVE_PERCENT);
            close(interval.low, low, 6e-5);
            close(interval.high, high, 6e-5);
        }
    }

    #[test]
    fn clopper_pearson_gives_published_values() {
        // The same table, method 5.
        for (k, n, low, high) in [
            (81, 263, 0.2527, 0.3676),
            (15, 148, 0.0578, 0.1617),
            (0, 20, 0.0, 0.1684),
            (1, 29, 0.0009, 0.1776),
        ] {
            let interval = clopper_pearson(counts(k, n), Alpha::FIVE_PERCENT);
            close(interval.low, low, 6e-5);
            close(interval.high, high, 6e-5);
        }
    }

    #[test]
    fn half_widths_at_one_half_are_as_planned() {
        for (n, half_width) in [(100, 0.096), (200, 0.069), (400, 0.049)] {
            let interval = wilson(counts(n / 2, n), Alpha::FIVE_PERCENT);
            close((interval.high - interval.low) / 2.0, half_width, 6e-4);
        }
    }

    #[test]
    fn nothing_tried_tells_nothing() {
        for interval in
            [wilson(counts(0, 0), Alpha::FIVE_PERCENT), clopper_pearson(counts(0, 0), Alpha::FIVE_PERCENT)]
        {
            assert_eq!((interval.low, interval.high), (0.0, 1.0));
        }
        assert_eq!(rule_of_three(0), 1.0);
    }

    #[test]
    fn extreme_counts_reach_the_end_exactly() {
        for n in [1, 10, 5000] {
            assert_eq!(wilson(counts(0, n), Alpha::FIVE_PERCENT).low, 0.0);
            assert_eq!(wilson(counts(n, n), Alpha::FIVE_PERCENT).high, 1.0);
            assert_eq!(lower_bound(counts(0, n), Alpha::FIVE_PERCENT), 0.0);
            assert_eq!(upper_bound(counts(n, n), Alpha::FIVE_PERCENT), 1.0);
            // Closed form: with n of n the lower bound is alpha^(1/n).
            let bound = lower_bound(counts(n, n), Alpha::FIVE_PERCENT);
            close(bound, 0.05_f64.powf(1.0 / n as f64), 1e-12);
        }
    }

    #[test]
    fn rule_of_three_is_near_the_exact_bound() {
        for n in [30, 100, 1000] {
            let exact = upper_bound(counts(0, n), Alpha::FIVE_PERCENT);
            assert!(rule_of_three(n) > exact && rule_of_three(n) < exact * 1.06);
        }
        assert_eq!(rule_of_three(2), 1.0);
    }

    /// Exact probability that the bound is wrong, summed over all outcomes.
    fn miss_probability(n: u64, rate: f64, misses: impl Fn(Proportion) -> bool) -> f64 {
        let wrong = (0..=n).filter(|&k| misses(counts(k, n)));
        wrong.map(|k| probability(k, n, rate)).sum()
    }

    #[test]
    fn clopper_pearson_never_covers_less_than_stated() {
        let alpha = Alpha::new(0.1).unwrap();
        for n in [1, 7, 20, 60] {
            for rate in (1..40).map(|i| f64::from(i) / 40.0) {
                let too_high = miss_probability(n, rate, |c| lower_bound(c, alpha) > rate);
                let too_low = miss_probability(n, rate, |c| upper_bound(c, alpha) < rate);
                assert!(too_high <= 0.1 + 1e-12, "n {n} rate {rate}: {too_high}");
                assert!(too_low <= 0.1 + 1e-12, "n {n} rate {rate}: {too_low}");
            }
        }
    }

    #[test]
    fn wilson_covers_as_stated_on_average() {
        let rates: Vec<f64> = (1..200).map(|i| f64::from(i) / 200.0).collect();
        let covered: f64 = rates
            .iter()
            .map(|&rate| {
                1.0 - miss_probability(50, rate, |c| {
                    let interval = wilson(c, Alpha::FIVE_PERCENT);
                    rate < interval.low || rate > interval.high
                })
            })
            .sum();
        close(covered / rates.len() as f64, 0.95, 0.006);
    }

    fn any_counts() -> impl Strategy<Value = Proportion> {
        (0_u64..2000, 0_u64..2000).prop_map(|(a, b)| counts(a.min(b), a.max(b)))
    }

    fn any_alpha() -> impl Strategy<Value = Alpha> {
        (0.0005..0.49).prop_map(|a| Alpha::new(a).unwrap())
    }

    proptest! {
        #[test]
        fn intervals_lie_in_the_unit_interval_around_the_rate(c in any_counts(), alpha in any_alpha()) {
            for interval in [wilson(c, alpha), clopper_pearson(c, alpha)] {
                prop_assert!(0.0 <= interval.low && interval.low <= interval.high && interval.high <= 1.0);
                if let Some(rate) = c.rate() {
                    prop_assert!(interval.low <= rate && rate <= interval.high);
                }
            }
        }

        #[test]
        fn swapping_success_and_failure_mirrors_the_interval(c in any_counts(), alpha in any_alpha()) {
            let mirrored = counts(c.failures(), c.trials());
            for (a, b) in [
                (wilson(c, alpha), wilson(mirrored, alpha)),
                (clopper_pearson(c, alpha), clopper_pearson(mirrored, alpha)),
            ] {
                prop_assert!((a.low - (1.0 - b.high)).abs() < 1e-9);
            }
        }

        #[test]
        fn bounds_grow_with_successes(c in any_counts(), alpha in any_alpha()) {
            prop_assume!(c.failures() > 0);
            let more = counts(c.successes() + 1, c.trials());
            prop_assert!(lower_bound(more, alpha) >= lower_bound(c, alpha));
            prop_assert!(upper_bound(more, alpha) >= upper_bound(c, alpha));
        }

        #[test]
        fn more_confidence_is_a_wider_interval(c in any_counts(), alpha in any_alpha()) {
            prop_assert!(lower_bound(c, alpha.half()) <= lower_bound(c, alpha));
            prop_assert!(upper_bound(c, alpha.half()) >= upper_bound(c, alpha));
        }
    }
}

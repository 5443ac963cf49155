//! What the data could show at all: power, and the smallest detectable effect.
//!
//! Computed before anything is spent, by summing over all outcomes of the very tests that decide
//! later. Nothing is simulated or approximated.

use empiric_schema::evidence::{Alpha, PValueMethod, PairedCounts, Proportion, Threshold, Verdict};
use serde::{Deserialize, Serialize};

use super::distribution::{probability, upper_tail};
use super::gate::judge_criterion;
use super::paired::{Alternative, p_value};

/// Bisection steps for a rate: the result is good to 1e-9, far below one item.
const STEPS: u32 = 30;

/// A paired comparison that is being planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedPlan {
    /// Items that both versions answer.
    pub items: u64,
    /// Error probability of the test.
    pub alpha: Alpha,
    /// What the test tries to show.
    pub alternative: Alternative,
    /// How its p-value is computed.
    pub method: PValueMethod,
}

impl PairedPlan {
    /// Probability that a candidate is found better when it truly wins `win_rate` and loses
    /// `loss_rate` of all items. 0 for rates that are no probabilities or sum to more than 1.
    ///
    /// Reference values (exact, two-sided, 15 % wins and 5 % losses): .54 at 100 items, .75 at
    /// 150, .88 at 200, .97 at 300.
    pub fn power(&self, win_rate: f64, loss_rate: f64) -> f64 {
        power_given(&self.critical_wins(), win_rate, loss_rate)
    }

    /// For each number of discordant items, the fewest wins that show the candidate better;
    /// one more than there are items where no number does.
    ///
    /// It grows by at most one with each further discordant item, so one pass finds them all.
    fn critical_wins(&self) -> Vec<u64> {
        let mut wins = 0;
        (0..=self.items)
            .map(|discordant| {
                wins = wins.max(discordant / 2 + 1);
                while wins <= discordant && !self.is_significant(wins, discordant) {
                    wins += 1;
                }
                wins
            })
            .collect()
    }

    fn is_significant(&self, wins: u64, discordant: u64) -> bool {
        let counts = PairedCounts { wins, losses: discordant - wins, ties: self.items - discordant };
        p_value(counts, self.alternative, self.method) < self.alpha.get()
    }

    /// The smallest true gain that is found with probability `power`, when the candidate breaks
    /// `loss_rate` of the items. `None` if no gain is large enough.
    pub fn smallest_detectable_effect(&self, loss_rate: f64, power: f64) -> Option<DetectableEffect> {
        let critical = self.critical_wins();
        let reaches = |win_rate| power_given(&critical, win_rate, loss_rate) >= power;
        let win_rate = smallest_rate(loss_rate, 1.0 - loss_rate, reaches)?;
        Some(DetectableEffect { items: self.items, win_rate, loss_rate, gain: win_rate - loss_rate, power })
    }
}

/// The smallest gain that a comparison can be expected to find.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectableEffect {
    /// Items compared.
    pub items: u64,
    /// Share of items that the candidate repairs.
    pub win_rate: f64,
    /// Share of items that the candidate breaks.
    pub loss_rate: f64,
    /// The difference of the two.
    pub gain: f64,
    /// Probability of finding it.
    pub power: f64,
}

/// Sums over the number of discordant items; given that, wins are binomial.
fn power_given(critical_wins: &[u64], win_rate: f64, loss_rate: f64) -> f64 {
    let change = win_rate + loss_rate;
    // Bisection may overshoot a sum of exactly one by rounding.
    if !(win_rate >= 0.0 && loss_rate >= 0.0 && change > 0.0 && change <= 1.0 + 1e-12) {
        return 0.0;
    }
    let items = critical_wins.len() as u64 - 1;
    let win_share = win_rate / change;
    let mut power = 0.0;
    for (discordant, &wins) in (0..).zip(critical_wins) {
        if wins <= discordant {
            let weight = probability(discordant, items, change.min(1.0));
            power += weight * upper_tail(wins, discordant, win_share);
        }
    }
    power.clamp(0.0, 1.0)
}

/// The smallest rate in `[low, high]` for which a monotone condition holds, to about 1e-9.
fn smallest_rate(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    if !(low <= high && holds(high)) {
        return None;
    }
    let (mut low, mut high) = (low, high);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Probability that a version of true rate `rate` passes a criterion on `items` items.
pub fn criterion_power(items: u64, threshold: Threshold, rate: f64, alpha: Alpha) -> f64 {
    match (passing_count(items, threshold, alpha), threshold) {
        (None, _) => 0.0,
        (Some(fewest), Threshold::AtLeast(_)) => upper_tail(fewest, items, rate),
        (Some(most), Threshold::AtMost(_)) => upper_tail(items - most, items, 1.0 - rate),
    }
}

/// The count at the edge of passing: the fewest successes for `AtLeast`, the most for `AtMost`.
/// `None` when not even a perfect result on so few items passes.
pub fn passing_count(items: u64, threshold: Threshold, alpha: Alpha) -> Option<u64> {
    // Counted from the perfect end, so that both directions search alike.
    let passes = |misses: u64| {
        let successes = match threshold {
            Threshold::AtLeast(_) => items - misses,
            Threshold::AtMost(_) => misses,
        };
        Proportion::new(successes, items)
            .is_ok_and(|c| judge_criterion("", c, threshold, alpha).verdict == Verdict::Pass)
    };
    if !passes(0) {
        return None;
    }
    let (mut good, mut bad) = (0, items + 1);
    while bad - good > 1 {
        let middle = u64::midpoint(good, bad);
        if passes(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Some(match threshold {
        Threshold::AtLeast(_) => items - good,
        Threshold::AtMost(_) => good,
    })
}

/// The true rate that a version needs to pass a criterion with probability `power`: the smallest
/// one for `AtLeast`, the largest for `AtMost`. `None` when no rate does with so few items.
pub fn required_rate(items: u64, threshold: Threshold, alpha: Alpha, power: f64) -> Option<f64> {
    let reaches = |rate| criterion_power(items, threshold, rate, alpha) >= power;
    match threshold {
        Threshold::AtLeast(_) => smallest_rate(0.0, 1.0, reaches),
        Threshold::AtMost(_) => smallest_rate(0.0, 1.0, |q| reaches(1.0 - q)).map(|q| 1.0 - q),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(items: u64, method: PValueMethod) -> PairedPlan {
        PairedPlan { items, alpha: Alpha::FIVE_PERCENT, alternative: Alternative::Different, method }
    }

    fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual - expected).abs() < tolerance, "{actual} is not {expected}");
    }

    #[test]
    fn power_is_that_of_an_independent_enumeration() {
        // Summed in exact integer arithmetic by a separate program.
        for (items, exact, mid) in [
            (100, 0.544_441_3, 0.617_700_6),
            (150, 0.745_537_0, 0.794_595_5),
            (200, 0.875_300_4, 0.902_686_1),
            (300, 0.973_602_2, 0.980_119_6),
        ] {
            close(plan(items, PValueMethod::Exact).power(0.15, 0.05), exact, 1e-6);
            close(plan(items, PValueMethod::MidP).power(0.15, 0.05), mid, 1e-6);
        }
    }

    #[test]
    fn an_equal_candidate_is_rarely_found_better() {
        let power = plan(200, PValueMethod::Exact).power(0.1, 0.1);
        assert!(power <= 0.025, "{power}");
    }

    #[test]
    fn impossible_rates_have_no_power() {
        let plan = plan(100, PValueMethod::Exact);
        for (win, loss) in [(0.0, 0.0), (-0.1, 0.2), (0.8, 0.3), (f64::NAN, 0.1)] {
            assert_eq!(plan.power(win, loss), 0.0);
        }
        assert_eq!(self::plan(0, PValueMethod::Exact).power(0.5, 0.0), 0.0);
    }

    #[test]
    fn smallest_detectable_effect_has_the_power_asked_for() {
        let plan = plan(200, PValueMethod::Exact);
        let effect = plan.smallest_detectable_effect(0.05, 0.8).unwrap();
        close(plan.power(effect.win_rate, 0.05), 0.8, 1e-6);
        // 10 points have .88 at 200 items, so .80 takes a little less.
        assert!((0.085..0.1).contains(&effect.gain), "{effect:?}");
    }

    #[test]
    fn too_few_items_detect_nothing() {
        let none = plan(5, PValueMethod::Exact).smallest_detectable_effect(0.0, 0.8);
        assert_eq!(none, None);
        let none = plan(100, PValueMethod::Exact).smallest_detectable_effect(0.6, 0.8);
        assert_eq!(none, None);
    }

    #[test]
    fn zero_harm_in_a_hundred_and_forty_nine_shows_two_percent() {
        // 0.98^149 is the first power under .05.
        let bar = Threshold::AtMost(0.02);
        assert_eq!(passing_count(148, bar, Alpha::FIVE_PERCENT), None);
        assert_eq!(passing_count(149, bar, Alpha::FIVE_PERCENT), Some(0));
    }

    #[test]
    fn required_rate_has_the_power_asked_for() {
        for threshold in [Threshold::AtLeast(0.7), Threshold::AtMost(0.3)] {
            let rate = required_rate(200, threshold, Alpha::FIVE_PERCENT, 0.8).unwrap();
            let power = criterion_power(200, threshold, rate, Alpha::FIVE_PERCENT);
            close(power, 0.8, 1e-6);
            let distance = (rate - 0.5).abs() - 0.2;
            assert!((0.05..0.1).contains(&distance), "{threshold:?}: {rate}");
        }
    }

    #[test]
    fn a_bar_that_cannot_be_shown_has_no_required_rate() {
        let required = |t| required_rate(200, t, Alpha::FIVE_PERCENT, 0.8);
        assert_eq!(required(Threshold::AtLeast(1.0)), None);
        assert_eq!(required(Threshold::AtMost(0.0)), None);
        assert_eq!(required_rate(0, Threshold::AtLeast(0.1), Alpha::FIVE_PERCENT, 0.8), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn power_grows_with_wins_and_falls_with_losses(
            items in 1_u64..250, win in 0.0..0.4, loss in 0.0..0.4, more in 0.0..0.2,
        ) {
            let plan = plan(items, PValueMethod::Exact);
            let power = plan.power(win, loss);
            prop_assert!((0.0..=1.0).contains(&power));
            prop_assert!(plan.power(win + more, loss) >= power - 1e-9);
            prop_assert!(plan.power(win, loss + more) <= power + 1e-9);
        }

        #[test]
        fn one_item_past_the_edge_does_not_pass(items in 1_u64..400, bar in 0.01..0.99) {
            let threshold = Threshold::AtLeast(bar);
            let passes = |k| {
                let counts = Proportion::new(k, items).unwrap();
                judge_criterion("m", counts, threshold, Alpha::FIVE_PERCENT).verdict == Verdict::Pass
            };
            match passing_count(items, threshold, Alpha::FIVE_PERCENT) {
                None => prop_assert!(!passes(items)),
                Some(fewest) => prop_assert!(passes(fewest) && (fewest == 0 || !passes(fewest - 1))),
            }
        }

        #[test]
        fn a_version_at_the_bar_has_at_most_alpha_power(items in 1_u64..400, bar in 0.01..0.99) {
            for threshold in [Threshold::AtLeast(bar), Threshold::AtMost(bar)] {
                let power = criterion_power(items, threshold, bar, Alpha::FIVE_PERCENT);
                prop_assert!(power <= 0.05 + 1e-9);
            }
        }
    }
}

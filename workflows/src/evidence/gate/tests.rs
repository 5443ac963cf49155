//! Tests of the gate: its error is summed exactly over all outcomes, not simulated.

use super::super::distribution::probability;
use super::*;
use proptest::prelude::*;

fn judge(successes: u64, trials: u64, threshold: Threshold) -> Verdict {
    let counts = Proportion::new(successes, trials).unwrap();
    judge_criterion("accuracy", counts, threshold, Alpha::FIVE_PERCENT).verdict
}

fn compare(wins: u64, losses: u64, ties: u64, rule: &SuperiorityRule) -> Verdict {
    let counts = PairedCounts { wins, losses, ties };
    judge_superiority(counts, rule).verdict
}

fn mid_p() -> SuperiorityRule {
    SuperiorityRule::mid_p(Alpha::FIVE_PERCENT)
}

#[test]
fn criterion_passes_fails_or_stays_open() {
    let bar = Threshold::AtLeast(0.7);
    assert_eq!(judge(160, 200, bar), Verdict::Pass);
    assert_eq!(judge(150, 200, bar), Verdict::Inconclusive);
    assert_eq!(judge(120, 200, bar), Verdict::Fail);
    let bar = Threshold::AtMost(0.02);
    assert_eq!(judge(0, 200, bar), Verdict::Pass);
    assert_eq!(judge(0, 100, bar), Verdict::Inconclusive);
    assert_eq!(judge(20, 200, bar), Verdict::Fail);
}

#[test]
fn missing_data_never_passes() {
    for threshold in [Threshold::AtLeast(0.0), Threshold::AtMost(1.0), Threshold::AtLeast(0.7)] {
        assert_eq!(judge(0, 0, threshold), Verdict::Inconclusive);
    }
    assert_eq!(compare(0, 0, 0, &mid_p()), Verdict::Inconclusive);
    assert_eq!(all_must_pass([]), Verdict::Inconclusive);
}

#[test]
fn a_threshold_that_is_no_number_never_passes() {
    assert_eq!(judge(200, 200, Threshold::AtLeast(f64::NAN)), Verdict::Inconclusive);
}

#[test]
fn all_criteria_must_pass() {
    use Verdict::{Fail, Inconclusive, Pass};
    for (verdicts, expected) in [
        (vec![Pass], Pass),
        (vec![Pass, Pass], Pass),
        (vec![Pass, Inconclusive], Inconclusive),
        (vec![Inconclusive, Pass], Inconclusive),
        (vec![Inconclusive, Fail], Fail),
        (vec![Fail, Pass, Inconclusive], Fail),
    ] {
        assert_eq!(all_must_pass(verdicts.clone()), expected, "{verdicts:?}");
    }
}

#[test]
fn finalist_wins_loses_or_stays_open() {
    assert_eq!(compare(15, 5, 80, &mid_p()), Verdict::Pass);
    assert_eq!(compare(7, 5, 88, &mid_p()), Verdict::Inconclusive);
    assert_eq!(compare(0, 0, 100, &mid_p()), Verdict::Inconclusive);
    assert_eq!(compare(5, 15, 80, &mid_p()), Verdict::Fail);
}

#[test]
fn a_gain_not_worth_having_fails() {
    let rule = SuperiorityRule { least_gain: 0.05, ..mid_p() };
    // The two agree on 200 items: a gain of 5 points is ruled out.
    assert_eq!(compare(0, 0, 200, &rule), Verdict::Fail);
    // On 20 items it is not.
    assert_eq!(compare(0, 0, 20, &rule), Verdict::Inconclusive);
    // Surely better, and surely by less than 5 points.
    assert_eq!(compare(20, 2, 3000, &rule), Verdict::Fail);
    assert_eq!(compare(20, 2, 3000, &mid_p()), Verdict::Pass);
}

#[test]
fn a_version_at_the_bar_passes_at_most_as_often_as_stated() {
    for n in [5, 20, 100, 200] {
        for bar in [0.02, 0.3, 0.7, 0.95] {
            for threshold in [Threshold::AtLeast(bar), Threshold::AtMost(bar)] {
                let passing: f64 = (0..=n)
                    .filter(|&k| judge(k, n, threshold) == Verdict::Pass)
                    .map(|k| probability(k, n, bar))
                    .sum();
                assert!(passing <= 0.05 + 1e-12, "{n} {threshold:?}: {passing}");
            }
        }
    }
}

/// Exact probability of a pass when wins and losses are equally likely.
fn false_pass(n: u64, change: f64, rule: &SuperiorityRule) -> f64 {
    let mut sum = 0.0;
    for discordant in 0..=n {
        let weight = probability(discordant, n, change);
        if weight < 1e-12 {
            continue;
        }
        for wins in 0..=discordant {
            let losses = discordant - wins;
            if compare(wins, losses, n - discordant, rule) == Verdict::Pass {
                sum += weight * probability(wins, discordant, 0.5);
            }
        }
    }
    sum
}

#[test]
fn an_equal_finalist_passes_at_most_about_as_often_as_stated() {
    let exact = SuperiorityRule { method: PValueMethod::Exact, ..mid_p() };
    for change in [0.05, 0.2, 0.5, 1.0] {
        assert!(false_pass(60, change, &exact) <= 0.05);
        let mid = false_pass(60, change, &mid_p());
        assert!(mid < 0.058, "{change}: {mid}");
    }
}

proptest! {
    #[test]
    fn more_successes_never_hurt(k in 0_u64..300, extra in 1_u64..300, bar in 0.0..1.0) {
        let n = k + extra;
        let rank = |v| match v { Verdict::Fail => 0, Verdict::Inconclusive => 1, Verdict::Pass => 2 };
        let threshold = Threshold::AtLeast(bar);
        prop_assert!(rank(judge(k, n, threshold)) <= rank(judge(k + 1, n, threshold)));
    }

    #[test]
    fn at_most_mirrors_at_least(k in 0_u64..300, extra in 0_u64..300, eighths in 1_u32..8) {
        let (n, bar) = (k + extra, f64::from(eighths) / 8.0);
        prop_assert_eq!(
            judge(k, n, Threshold::AtLeast(bar)),
            judge(n - k, n, Threshold::AtMost(1.0 - bar))
        );
    }

    #[test]
    fn gain_bounds_hold_the_gain_and_swap_sides(wins in 0_u64..200, losses in 0_u64..200, ties in 0_u64..200) {
        let counts = PairedCounts { wins, losses, ties };
        let bounds = gain_bounds(counts, Alpha::FIVE_PERCENT);
        let swapped = gain_bounds(counts.swapped(), Alpha::FIVE_PERCENT);
        prop_assert!(bounds.low >= -1.0 && bounds.high <= 1.0);
        prop_assert!((bounds.low + swapped.high).abs() < 1e-12);
        if let Some(gain) = counts.gain() {
            prop_assert!(bounds.low <= gain && gain <= bounds.high);
        }
    }

    #[test]
    fn a_finalist_never_passes_from_both_sides(wins in 0_u64..200, losses in 0_u64..200) {
        let one = compare(wins, losses, 50, &mid_p());
        let other = compare(losses, wins, 50, &mid_p());
        prop_assert!(one != Verdict::Pass || other == Verdict::Fail);
    }
}

//! Verdicts: does a version meet the specification, and does it beat the incumbent?
//!
//! A verdict is pass, fail or inconclusive. Missing data is inconclusive, and never passes.
//!
//! **Several criteria need no correction.** A version passes only if every criterion does, so the
//! null hypothesis is a union ("at least one bar is missed"), and rejecting it only when each part
//! is rejected at alpha has error alpha at most (the intersection-union test, Berger 1982,
//! Technometrics 24:295-300). Holm or Bonferroni are for the opposite case, where one success
//! among many would do.

use empiric_schema::evidence::{
    Alpha, CriterionEvidence, Interval, PValueMethod, PairedCounts, PairedEvidence, Proportion, Threshold,
    Verdict,
};

use super::interval::{lower_bound, one_sided_bounds, upper_bound};
use super::paired::{Alternative, p_value};

/// Judges one criterion by exact one-sided Clopper-Pearson bounds.
///
/// `AtLeast`: pass if the lower bound reaches the threshold, fail if the upper bound is under it.
/// `AtMost` is the mirror image. Note that a rate of exactly 0 or 1 can never be shown, so
/// `AtMost(0.0)` and `AtLeast(1.0)` never pass; [`super::power::required_rate`] tells so beforehand.
pub fn judge_criterion(
    metric: &str,
    counts: Proportion,
    threshold: Threshold,
    alpha: Alpha,
) -> CriterionEvidence {
    let bounds = one_sided_bounds(counts, alpha);
    CriterionEvidence {
        metric: metric.to_owned(),
        threshold,
        counts,
        alpha,
        bounds,
        verdict: criterion_verdict(counts, threshold, bounds),
    }
}

/// Where the bounds lie relative to the threshold.
fn criterion_verdict(counts: Proportion, threshold: Threshold, bounds: Interval) -> Verdict {
    let (shown, refuted) = match threshold {
        Threshold::AtLeast(bar) => (bounds.low >= bar, bounds.high < bar),
        Threshold::AtMost(bar) => (bounds.high <= bar, bounds.low > bar),
    };
    match (counts.trials(), shown, refuted) {
        (0, _, _) => Verdict::Inconclusive,
        (_, _, true) => Verdict::Fail,
        (_, true, false) => Verdict::Pass,
        (_, false, false) => Verdict::Inconclusive,
    }
}

/// All must hold: fail if any fails, pass if all pass, else inconclusive. No verdict at all is
/// inconclusive.
pub fn all_must_pass(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut combined = None;
    for verdict in verdicts {
        combined = Some(match (combined, verdict) {
            (Some(Verdict::Fail), _) | (_, Verdict::Fail) => Verdict::Fail,
            (Some(Verdict::Inconclusive), _) | (_, Verdict::Inconclusive) => Verdict::Inconclusive,
            (_, Verdict::Pass) => Verdict::Pass,
        });
    }
    combined.unwrap_or(Verdict::Inconclusive)
}

/// The rule by which a finalist beats the incumbent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuperiorityRule {
    /// Error probability of each one-sided claim.
    pub alpha: Alpha,
    /// How the p-value is computed.
    pub method: PValueMethod,
    /// The smallest gain worth having, as a difference of rates. It ends hopeless comparisons as
    /// `Fail`; a pass shows a gain above zero, not above this. 0 switches it off.
    pub least_gain: f64,
}

impl SuperiorityRule {
    /// One-sided mid-p at `alpha`, without a smallest gain.
    pub fn mid_p(alpha: Alpha) -> Self {
        Self { alpha, method: PValueMethod::MidP, least_gain: 0.0 }
    }
}

/// Judges a finalist against the incumbent over one fixed set of items.
///
/// In this order:
/// 1. `Fail` if it is shown to be worse (one-sided p of "worse" under alpha), or if the upper
///    bound of its gain is under `least_gain`: what it could still bring is not worth having.
/// 2. `Pass` if it is shown to be better (one-sided p of "better" under alpha).
/// 3. `Inconclusive` otherwise, and always when nothing was compared.
///
/// Mid-p may exceed alpha a little at some rates; `PValueMethod::Exact` never does.
pub fn judge_superiority(counts: PairedCounts, rule: &SuperiorityRule) -> PairedEvidence {
    let p_better = p_value(counts, Alternative::Better, rule.method);
    let p_worse = p_value(counts, Alternative::Worse, rule.method);
    let gain = gain_bounds(counts, rule.alpha);
    let hopeless = p_worse < rule.alpha.get() || gain.high < rule.least_gain;
    let verdict = if counts.total() == 0 {
        Verdict::Inconclusive
    } else if hopeless {
        Verdict::Fail
    } else if p_better < rule.alpha.get() {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    };
    PairedEvidence {
        counts,
        method: rule.method,
        alpha: rule.alpha,
        p_better,
        p_worse,
        gain,
        least_gain: rule.least_gain,
        clustered: None,
        verdict,
    }
}

/// One-sided bounds of the gain, each wrong with probability `alpha` at most.
///
/// Wins and losses are each binomial over all items, so exact bounds of the two at half of alpha
/// bound their difference by the union bound: conservative, but right at any size and with no
/// discordant item, where score intervals (Newcombe 1998; Tango 1998) are approximate.
/// In `[-1, 1]`; nothing compared gives the whole range.
pub fn gain_bounds(counts: PairedCounts, alpha: Alpha) -> Interval {
    let part = alpha.half();
    let total = counts.total();
    let of_total = |successes| Proportion::new(successes, total);
    let (low, high) = match (of_total(counts.wins), of_total(counts.losses)) {
        (Ok(wins), Ok(losses)) => (
            lower_bound(wins, part) - upper_bound(losses, part),
            upper_bound(wins, part) - lower_bound(losses, part),
        ),
        _ => (-1.0, 1.0),
    };
    Interval { low, high, level: (1.0 - 2.0 * alpha.get()).max(0.0) }
}

#[cfg(test)]
mod tests;

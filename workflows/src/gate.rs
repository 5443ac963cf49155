//! The promise of the spec against counts, and versions against each other.

use empiric_schema::evidence::Threshold;
use empiric_schema::evidence::{
    Alpha, CriterionEvidence, PairedCounts, PairedEvidence, PairedOutcome, Verdict,
};
use empiric_schema::spec::{Bound, Criterion, Metric};

use crate::evidence::gate::{SuperiorityRule, all_must_pass, judge_criterion, judge_superiority};
use crate::race::{count, proportion};

/// A version's grades on a set of items, one character an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grades {
    /// `1` passed.
    pub passed: String,
    /// `1` harmful.
    pub harmful: String,
}

impl Grades {
    /// Items graded.
    pub fn n(&self) -> u32 {
        self.passed.len() as u32
    }

    /// How many items hold for a metric.
    pub fn hits(&self, metric: Metric) -> u32 {
        match metric {
            Metric::Accuracy => count(&self.passed),
            Metric::HarmRate => count(&self.harmful),
        }
    }
}

/// Every criterion with its bounds at `alpha`.
pub fn judge(criteria: &[Criterion], grades: &Grades, alpha: Alpha) -> Vec<CriterionEvidence> {
    let one = |criterion: &Criterion| {
        let counts = proportion(grades.hits(criterion.metric), grades.n());
        judge_criterion(criterion.metric.name(), counts, threshold(criterion), alpha)
    };
    criteria.iter().map(one).collect()
}

/// The criterion's bar as the statistics know it.
pub fn threshold(criterion: &Criterion) -> Threshold {
    match criterion.bound {
        Bound::AtLeast => Threshold::AtLeast(criterion.value),
        Bound::AtMost => Threshold::AtMost(criterion.value),
    }
}

/// All criteria together.
pub fn verdict(criteria: &[CriterionEvidence]) -> Verdict {
    all_must_pass(criteria.iter().map(|criterion| criterion.verdict))
}

/// A candidate against the incumbent on the same items.
pub fn compare(incumbent: &str, candidate: &str, alpha: Alpha) -> PairedEvidence {
    let counts = PairedCounts::of(outcomes(incumbent, candidate));
    judge_superiority(counts, &SuperiorityRule::mid_p(alpha))
}

/// Whether a candidate is shown to do more harm than the incumbent on the same items.
///
/// A guard, not a promise: the locked test says whether harm is low enough. Here it only keeps out what is
/// clearly worse, since few items cannot show that nothing got worse.
pub fn is_more_harmful(incumbent: &str, candidate: &str, alpha: Alpha) -> bool {
    // A win here is an item on which only the candidate does harm.
    compare(incumbent, candidate, alpha).verdict == Verdict::Pass
}

/// How the candidate fared on each item that both answered.
pub fn outcomes<'a>(incumbent: &'a str, candidate: &'a str) -> impl Iterator<Item = PairedOutcome> + 'a {
    let pairs = incumbent.bytes().zip(candidate.bytes());
    pairs.map(|(old, new)| PairedOutcome::of(old == b'1', new == b'1'))
}

/// The grades at these positions of a split's grades, in this order.
pub fn select(grades: &str, positions: &[u32]) -> String {
    let bytes = grades.as_bytes();
    positions
        .iter()
        .filter_map(|&position| bytes.get(position as usize))
        .map(|&grade| grade as char)
        .collect()
}

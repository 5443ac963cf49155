//! The promise of the spec against counts, and versions against each other.

use empiric_schema::evidence::Threshold;
use empiric_schema::evidence::{
    Alpha, CriterionEvidence, PairedCounts, PairedEvidence, PairedOutcome, Verdict,
};
use empiric_schema::guard::Effort;
use empiric_schema::spec::{Bound, Criterion, Metric};

use crate::evidence::bootstrap::{ResamplingPlan, clustered_mean_difference};
use crate::evidence::gate::{SuperiorityRule, all_must_pass, judge_criterion, judge_superiority};
use crate::evidence::sequential::EProcess;
use crate::race::{count, proportion};

pub mod guards;

/// A version's grades on a set of items, one character an item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grades {
    /// `1` passed.
    pub passed: String,
    /// `1` harmful.
    pub harmful: String,
    /// `1` declined although there is an answer; empty where nobody looked.
    pub abstained: String,
    /// What the answers cost.
    pub effort: Effort,
}

impl Grades {
    /// Takes more grades behind these.
    pub fn extend(&mut self, more: &Self) {
        self.passed.push_str(&more.passed);
        self.harmful.push_str(&more.harmful);
        self.abstained.push_str(&more.abstained);
        self.effort = self.effort.plus(more.effort);
    }

    /// The grades at these positions, with the effort of all.
    pub fn at(&self, positions: &[u32]) -> Self {
        let at = |grades: &str| select(grades, positions);
        Self {
            passed: at(&self.passed),
            harmful: at(&self.harmful),
            abstained: at(&self.abstained),
            effort: self.effort,
        }
    }

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

/// What a distilled model may lose where the spec does not say.
const DISTILLED_MARGIN: f64 = 0.05;

/// A cheaper candidate against the incumbent on the same items: it passes if it is shown to lose no more than a margin.
pub fn compare_distilled(
    incumbent: &Grades,
    candidate: &Grades,
    margin: Option<f64>,
    alpha: Alpha,
) -> PairedEvidence {
    let mut evidence = compare(&incumbent.passed, &candidate.passed, alpha);
    let margin = margin.unwrap_or(DISTILLED_MARGIN);
    evidence.verdict = if evidence.gain.low >= -margin && is_cheaper(incumbent.effort, candidate.effort) {
        Verdict::Pass
    } else if evidence.gain.high < -margin {
        Verdict::Fail
    } else {
        Verdict::Inconclusive
    };
    evidence
}

/// Less time or less money for an answer, and no more of either. What was not measured is not less.
fn is_cheaper(incumbent: Effort, candidate: Effort) -> bool {
    let pairs = [
        (incumbent.latency(), candidate.latency()),
        (incumbent.price().or(Some(0.0)), candidate.price().or(Some(0.0))),
    ];
    let is_known = |(old, new): &(Option<f64>, Option<f64>)| old.is_some() && new.is_some();
    pairs.iter().all(is_known)
        && pairs.iter().all(|(old, new)| new <= old)
        && pairs.iter().any(|(old, new)| new < old)
}

/// Resamples of a comparison over clusters: they settle the third digit of a bound at 5 %.
const RESAMPLES: u32 = 4000;

/// A candidate against the incumbent on items in clusters, of which each item has one number.
///
/// McNemar's test takes items as independent, and items about one document are not: what it shows has to hold
/// with whole clusters resampled too, at the same one-sided level.
pub fn compare_clusters(
    incumbent: &str,
    candidate: &str,
    clusters: &[u32],
    alpha: Alpha,
    seed: u64,
) -> PairedEvidence {
    let mut evidence = compare(incumbent, candidate, alpha);
    let differences: Vec<(u32, f64)> =
        clusters.iter().copied().zip(outcomes(incumbent, candidate).map(difference)).collect();
    let plan = ResamplingPlan { resamples: RESAMPLES, seed };
    evidence.clustered = clustered_mean_difference(&differences, two_sided(alpha), plan);
    let is_shown = evidence.clustered.is_some_and(|estimate| match evidence.verdict {
        Verdict::Pass => estimate.interval.low > 0.0,
        Verdict::Fail => estimate.interval.high < 0.0,
        Verdict::Inconclusive => true,
    });
    if !is_shown {
        evidence.verdict = Verdict::Inconclusive;
    }
    evidence
}

/// The level at which each end of an interval is a one-sided bound at `alpha`.
fn two_sided(alpha: Alpha) -> Alpha {
    Alpha::new((2.0 * alpha.get()).min(0.5)).unwrap_or(alpha)
}

fn difference(outcome: PairedOutcome) -> f64 {
    match outcome {
        PairedOutcome::Win => 1.0,
        PairedOutcome::Loss => -1.0,
        PairedOutcome::Tie => 0.0,
    }
}

/// Whether a comparison that has seen some of its items has to see the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Anything may still come out.
    Open,
    /// The e-process shows that the candidate is worse, which holds whenever one looks.
    Worse,
    /// If every item that is left were a win, the candidate would not pass.
    Hopeless,
}

/// What the first items of a comparison leave open, when `left` more are to come.
///
/// A comparison is never ended early in the candidate's favour, so the error of a promotion is that of the whole
/// comparison; and what is hopeless would not have been promoted, so no promotion is lost by that.
pub fn outlook(incumbent: &str, candidate: &str, left: u64, alpha: Alpha) -> Outlook {
    let counts = PairedCounts::of(outcomes(incumbent, candidate));
    let best = PairedCounts { wins: counts.wins + left, ..counts };
    if judge_superiority(best, &SuperiorityRule::mid_p(alpha)).verdict != Verdict::Pass {
        return Outlook::Hopeless;
    }
    match EProcess::over(alpha, outcomes(incumbent, candidate)).verdict() {
        Verdict::Fail => Outlook::Worse,
        Verdict::Pass | Verdict::Inconclusive => Outlook::Open,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn grades(parts: &[(usize, char)]) -> String {
        parts.iter().map(|(times, grade)| grade.to_string().repeat(*times)).collect()
    }

    #[test]
    fn wins_in_one_cluster_do_not_pass_and_wins_in_many_do() {
        let (incumbent, candidate) = ("0".repeat(60), grades(&[(12, '1'), (48, '0')]));
        assert_eq!(compare(&incumbent, &candidate, Alpha::FIVE_PERCENT).verdict, Verdict::Pass);
        let in_clusters = |clusters: Vec<u32>| {
            compare_clusters(&incumbent, &candidate, &clusters, Alpha::FIVE_PERCENT, 1).verdict
        };
        assert_eq!(in_clusters((0..60).map(|item| item / 12).collect()), Verdict::Inconclusive);
        assert_eq!(in_clusters((0..60).map(|item| item % 12).collect()), Verdict::Pass);
    }

    #[test]
    fn a_distilled_model_passes_for_costing_less_if_it_loses_no_more_than_the_margin() {
        let graded = |passed: String, seconds, usd| {
            let effort = Effort { answers: passed.len() as u32, seconds, tokens: 9, usd };
            Grades { passed, effort, ..Grades::default() }
        };
        let teacher = graded("1".repeat(200), 100.0, 1.0);
        let student =
            |wrong: usize, seconds, usd| graded(grades(&[(200 - wrong, '1'), (wrong, '0')]), seconds, usd);
        for (student, verdict) in [
            (student(0, 50.0, 0.0), Verdict::Pass),
            (student(0, 200.0, 0.0), Verdict::Inconclusive),
            (student(0, 0.0, 0.0), Verdict::Inconclusive),
            (student(8, 50.0, 0.0), Verdict::Inconclusive),
            (student(40, 50.0, 0.0), Verdict::Fail),
        ] {
            let found = compare_distilled(&teacher, &student, None, Alpha::FIVE_PERCENT);
            assert_eq!(found.verdict, verdict, "{:?}", student.effort);
        }
        let wide = compare_distilled(&teacher, &student(8, 50.0, 0.0), Some(0.2), Alpha::FIVE_PERCENT);
        assert_eq!(wide.verdict, Verdict::Pass);
    }

    #[test]
    fn what_items_that_are_left_could_still_win_is_open() {
        let at = |left| outlook(&"0".repeat(20), &"0".repeat(20), left, Alpha::FIVE_PERCENT);
        // Four wins against none have a one-sided mid-p of 1/32, three of 1/16.
        assert_eq!((at(3), at(4)), (Outlook::Hopeless, Outlook::Open));
    }

    #[test]
    fn a_candidate_that_is_shown_to_be_worse_is_asked_no_more() {
        let seen = outlook(&grades(&[(9, '1'), (9, '0')]), &"0".repeat(18), 100, Alpha::FIVE_PERCENT);
        assert_eq!(seen, Outlook::Worse);
    }

    #[test]
    fn what_is_hopeless_never_passes_however_the_rest_turns_out() {
        for wins in 0..12 {
            for left in 0..20 {
                let (incumbent, candidate) =
                    (grades(&[(12, '0'), (8, '1')]), grades(&[(wins, '1'), (20 - wins, '0')]));
                if outlook(&incumbent, &candidate, left, Alpha::FIVE_PERCENT) != Outlook::Hopeless {
                    continue;
                }
                for more in 0..=left as usize {
                    let rest = grades(&[(more, '1'), (left as usize - more, '0')]);
                    let whole = incumbent.clone() + &"0".repeat(left as usize);
                    let verdict = compare(&whole, &(candidate.clone() + &rest), Alpha::FIVE_PERCENT).verdict;
                    assert_ne!(verdict, Verdict::Pass, "{wins} wins, {more} of {left} more");
                }
            }
        }
    }
}

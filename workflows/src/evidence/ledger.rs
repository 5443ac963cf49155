//! The test ledger: who may look at the locked test split, how often, and at what price.
//!
//! **Price.** Alpha is spent in equal parts, `alpha / test_looks` a look (Bonferroni). The union
//! bound needs nothing about how the candidates depend on each other. It holds even though the
//! loop chooses the next candidate after a refusal: up to the first acceptance every answer is
//! "no", so the candidates on that path are one sequence, fixed before the test data was seen
//! (Blum and Hardt 2015, "The Ladder"; Dwork et al. 2015, "The reusable holdout"). For that the
//! loop must treat fail and inconclusive alike. Front-loaded spending would favour early
//! candidates without a reason; giving a passed look's part back (Holm) would assume claims that
//! were fixed in advance.
//!
//! **Silence.** Each number told would widen what the next candidate may be fitted to, so one is
//! shown only when it improves on the best shown before by more than one standard error (the
//! Ladder's rule, which starts from nothing and so shows the first). Callers must not act on
//! withheld numbers: [`Look::disclosed`] is the one way to read them for display.
//!
//! **When paid.** A look is paid for when it is opened. A measurement that crashes is run again
//! under the same look; a candidate that asks again is answered from the record.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use empiric_schema::artifact::Digest;
use empiric_schema::evidence::{Alpha, Disclosure, Look, LookAnswer, LookFinding, Proportion};
use serde::{Deserialize, Serialize};

/// Why the ledger refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Every look was used.
    #[error(
        "all {looks} looks at test data {test_data} are spent, and a further one would make its verdicts worthless: fresh test data is needed"
    )]
    Spent {
        /// The looks that were allowed.
        looks: u32,
        /// The test data's digest, shortened.
        test_data: String,
    },
    /// An answer came for a look that was never opened.
    #[error("no look at the test data was opened for candidate {0}")]
    NotOpened(String),
    /// A second, different answer came for the same look.
    #[error("candidate {0} was answered before, and the new answer differs")]
    AlreadyAnswered(String),
}

/// What the ledger says to a candidate that wants to look.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// It may be measured, with this error probability for the verdict.
    Granted(Alpha),
    /// It was measured before: this is the answer, and nothing is spent.
    Recorded(Box<Look>),
}

/// All looks at one frozen test split. Fresh test data gets a fresh ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestLedger {
    test_data: Digest,
    alpha: Alpha,
    test_looks: NonZeroU32,
    /// Candidates that met the same test data in earlier runs: each is paid for already.
    earlier: BTreeSet<Digest>,
    looks: Vec<Look>,
}

impl TestLedger {
    /// A ledger without looks. `alpha` bounds the probability of any false acceptance over all
    /// `test_looks` looks together.
    pub fn new(test_data: Digest, alpha: Alpha, test_looks: NonZeroU32) -> Self {
        Self { test_data, alpha, test_looks, earlier: BTreeSet::new(), looks: Vec::new() }
    }

    /// With the candidates that met the same test data in earlier runs. A new run does not make the data fresh.
    #[must_use]
    pub fn with_earlier(mut self, candidates: impl IntoIterator<Item = Digest>) -> Self {
        self.earlier.extend(candidates);
        self
    }

    /// Opens a look for a candidate, and pays for it; or returns what is known already.
    ///
    /// # Errors
    /// [`LedgerError::Spent`] when a new candidate comes and no look is left.
    pub fn open(&mut self, candidate: &Digest) -> Result<Admission, LedgerError> {
        if let Some(look) = self.look(candidate) {
            return Ok(match look.answer {
                Some(_) => Admission::Recorded(Box::new(look.clone())),
                None => Admission::Granted(look.alpha),
            });
        }
        if self.looks_left() == 0 && !self.earlier.contains(candidate) {
            return Err(LedgerError::Spent {
                looks: self.test_looks.get(),
                test_data: self.test_data.short().to_owned(),
            });
        }
        let alpha = self.alpha_per_look();
        self.looks.push(Look { candidate: candidate.clone(), alpha, answer: None });
        Ok(Admission::Granted(alpha))
    }

    /// Records the answer to an open look and decides whether its number may be shown.
    /// The same answer twice is recorded once.
    ///
    /// # Errors
    /// [`LedgerError::NotOpened`] without [`TestLedger::open`]; [`LedgerError::AlreadyAnswered`]
    /// for a different answer than before.
    pub fn answer(&mut self, candidate: &Digest, finding: LookFinding) -> Result<Look, LedgerError> {
        let disclosure = disclosure(finding.score, self.best_disclosed());
        let name = || candidate.short().to_owned();
        let look = self
            .looks
            .iter_mut()
            .find(|look| look.candidate == *candidate)
            .ok_or_else(|| LedgerError::NotOpened(name()))?;
        match &look.answer {
            Some(known) if known.finding != finding => {
                return Err(LedgerError::AlreadyAnswered(name()));
            }
            Some(_) => {}
            None => {
                look.answer = Some(LookAnswer { finding, disclosure });
            }
        }
        Ok(look.clone())
    }

    /// The look of a candidate, open or answered.
    pub fn look(&self, candidate: &Digest) -> Option<&Look> {
        self.looks.iter().find(|look| look.candidate == *candidate)
    }

    /// Every look, in the order in which they were opened.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }

    /// The test data that this ledger guards.
    pub fn test_data(&self) -> &Digest {
        &self.test_data
    }

    /// Looks that are left.
    pub fn looks_left(&self) -> u32 {
        self.test_looks.get().saturating_sub(self.looks_used())
    }

    /// Looks that are paid for, those of earlier runs included.
    pub fn looks_used(&self) -> u32 {
        let new = self.looks.iter().filter(|look| !self.earlier.contains(&look.candidate)).count();
        u32::try_from(self.earlier.len() + new).unwrap_or(u32::MAX)
    }

    /// The error probability that each look costs.
    pub fn alpha_per_look(&self) -> Alpha {
        self.alpha.share(self.test_looks)
    }

    /// The error probability spent so far, open looks included; never above the ledger's alpha.
    pub fn alpha_spent(&self) -> f64 {
        let share =
            f64::from(self.looks_used().min(self.test_looks.get())) / f64::from(self.test_looks.get());
        self.alpha.get() * share
    }

    /// The best number that was shown.
    pub fn best_disclosed(&self) -> Option<Proportion> {
        let shown = self.looks.iter().filter_map(Look::disclosed);
        shown.max_by(|a, b| rate_or_zero(*a).total_cmp(&rate_or_zero(*b)))
    }
}

fn rate_or_zero(counts: Proportion) -> f64 {
    counts.rate().unwrap_or(0.0)
}

/// The Ladder's rule: shown if nothing was shown yet, or if better than the best shown by more
/// than one standard error. A score without items is never shown.
fn disclosure(score: Proportion, best: Option<Proportion>) -> Disclosure {
    let Some(rate) = score.rate() else {
        return Disclosure::Withheld;
    };
    match best.and_then(Proportion::rate) {
        Some(best) if rate - best <= standard_error(score) => Disclosure::Withheld,
        _ => Disclosure::Shown,
    }
}

/// Standard error of a rate with two successes and two failures added (Agresti and Coull 1998),
/// since the plain one is zero at 0 and 1, where the ladder would then have no rungs.
pub fn standard_error(counts: Proportion) -> f64 {
    let trials = counts.trials() as f64 + 4.0;
    let rate = (counts.successes() as f64 + 2.0) / trials;
    (rate * (1.0 - rate) / trials).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use empiric_schema::evidence::Verdict;
    use proptest::prelude::*;

    fn candidate(number: u32) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    fn ledger(looks: u32) -> TestLedger {
        let looks = NonZeroU32::new(looks).unwrap();
        TestLedger::new(Digest::of(b"test.jsonl"), Alpha::FIVE_PERCENT, looks)
    }

    fn finding(successes: u64, verdict: Verdict) -> LookFinding {
        LookFinding {
            score: Proportion::new(successes, 200).unwrap(),
            criteria: Vec::new(),
            paired: None,
            verdict,
        }
    }

    fn look(ledger: &mut TestLedger, number: u32, successes: u64) -> Look {
        ledger.open(&candidate(number)).unwrap();
        let found = finding(successes, Verdict::Inconclusive);
        ledger.answer(&candidate(number), found).unwrap()
    }

    #[test]
    fn looks_are_granted_in_equal_parts_until_spent() {
        let mut ledger = ledger(3);
        for number in 0..3 {
            let admission = ledger.open(&candidate(number)).unwrap();
            assert_eq!(admission, Admission::Granted(ledger.alpha_per_look()));
        }
        assert_eq!(ledger.looks_left(), 0);
        assert_eq!(ledger.alpha_spent(), 0.05);
        let refusal = ledger.open(&candidate(3)).unwrap_err();
        assert!(refusal.to_string().ends_with("fresh test data is needed"), "{refusal}");
    }

    #[test]
    fn the_same_candidate_is_answered_from_the_record() {
        let mut ledger = ledger(1);
        let recorded = look(&mut ledger, 1, 140);
        let again = ledger.open(&candidate(1)).unwrap();
        assert_eq!(again, Admission::Recorded(Box::new(recorded)));
        assert_eq!(ledger.looks().len(), 1);
    }

    #[test]
    fn a_crashed_measurement_runs_again_under_the_same_look() {
        let mut ledger = ledger(2);
        let first = ledger.open(&candidate(1)).unwrap();
        assert_eq!(ledger.open(&candidate(1)).unwrap(), first);
        assert_eq!(ledger.looks_left(), 1);
    }

    #[test]
    fn an_answer_without_a_look_is_refused() {
        let refused = ledger(1).answer(&candidate(1), finding(1, Verdict::Pass));
        assert!(matches!(refused, Err(LedgerError::NotOpened(_))));
    }

    #[test]
    fn an_answer_is_never_changed() {
        let mut ledger = ledger(1);
        let first = look(&mut ledger, 1, 140);
        let found = finding(140, Verdict::Inconclusive);
        assert_eq!(ledger.answer(&candidate(1), found), Ok(first));
        let other = ledger.answer(&candidate(1), finding(150, Verdict::Pass));
        assert!(matches!(other, Err(LedgerError::AlreadyAnswered(_))));
    }

    #[test]
    fn a_number_is_shown_only_on_a_clear_improvement() {
        let mut ledger = ledger(5);
        // One standard error at 70 % of 200 is 3.2 points.
        let shown = [(1, 140), (2, 144), (3, 130), (4, 148)]
            .map(|(number, k)| look(&mut ledger, number, k).disclosed().is_some());
        assert_eq!(shown, [true, false, false, true]);
        let best = ledger.best_disclosed().unwrap();
        assert_eq!(best.successes(), 148);
    }

    #[test]
    fn a_perfect_score_still_has_a_standard_error() {
        assert!(standard_error(Proportion::new(200, 200).unwrap()) > 0.005);
    }

    #[test]
    fn ledger_survives_serialisation() {
        let mut ledger = ledger(3);
        look(&mut ledger, 1, 140);
        let text = serde_json::to_string(&ledger).unwrap();
        let back: TestLedger = serde_json::from_str(&text).unwrap();
        assert_eq!(back.looks(), ledger.looks());
        assert_eq!(back.looks_left(), 2);
    }

    proptest! {
        #[test]
        fn no_sequence_of_looks_spends_more_than_alpha(
            looks in 1_u32..12,
            steps in prop::collection::vec((0_u32..20, 0_u64..=200, any::<bool>()), 0..60),
        ) {
            let mut ledger = ledger(looks);
            for (number, successes, answered) in steps {
                let known = ledger.look(&candidate(number)).is_some();
                let left = ledger.looks_left();
                let opened = ledger.open(&candidate(number));
                prop_assert_eq!(opened.is_ok(), known || left > 0);
                if answered {
                    let _ = ledger.answer(&candidate(number), finding(successes, Verdict::Fail));
                }
                prop_assert!(ledger.alpha_spent() <= 0.05);
                prop_assert!(ledger.looks().len() <= looks as usize);
                let sum: f64 = ledger.looks().iter().map(|l| l.alpha.get()).sum();
                prop_assert!(sum <= 0.05 + 1e-15);
            }
        }

        #[test]
        fn shown_numbers_only_rise(scores in prop::collection::vec(0_u64..=200, 1..12)) {
            let mut ledger = ledger(12);
            let mut best = None;
            for (number, &k) in (0..).zip(&scores) {
                if let Some(shown) = look(&mut ledger, number, k).disclosed() {
                    prop_assert!(best.is_none_or(|b| shown.successes() > b));
                    best = Some(shown.successes());
                }
            }
        }
    }
}

//! The small result types of statistical evidence, as decision records keep them.
//!
//! Types and their invariants only: every computation is in the `evidence` module of the
//! `workflows` crate. Rates are fractions in `[0, 1]`, never percentages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::Digest;

/// A value that cannot be evidence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvidenceError {
    /// An error probability outside the open interval (0, 1).
    #[error("alpha must lie strictly between 0 and 1, got {0}")]
    Alpha(f64),
    /// More successes than trials.
    #[error("{successes} successes of {trials} trials is impossible")]
    Proportion {
        /// The successes given.
        successes: u64,
        /// The trials given.
        trials: u64,
    },
}

/// A probability of a wrong claim that a test may not exceed, strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
pub struct Alpha(f64);

impl Alpha {
    /// The customary 5 %.
    pub const FIVE_PERCENT: Self = Self(0.05);

    /// Checks the range.
    ///
    /// # Errors
    /// [`EvidenceError::Alpha`] for anything outside the open interval (0, 1), NaN included.
    pub fn new(value: f64) -> Result<Self, EvidenceError> {
        if value > 0.0 && value < 1.0 { Ok(Self(value)) } else { Err(EvidenceError::Alpha(value)) }
    }

    /// The probability itself.
    pub fn get(self) -> f64 {
        self.0
    }

    /// An equal part of this probability: a Bonferroni share.
    #[must_use]
    pub fn share(self, parts: std::num::NonZeroU32) -> Self {
        Self(self.0 / f64::from(parts.get()))
    }

    /// Half of it, for one side of a two-sided statement.
    #[must_use]
    pub fn half(self) -> Self {
        Self(self.0 / 2.0)
    }
}

impl TryFrom<f64> for Alpha {
    type Error = EvidenceError;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Alpha> for f64 {
    fn from(alpha: Alpha) -> Self {
        alpha.0
    }
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence that both ends hold at once, such as 0.95.
    pub level: f64,
}

/// Successes out of trials. There are never more successes than trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "RawProportion", into = "RawProportion")]
pub struct Proportion {
    successes: u64,
    trials: u64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Proportion")]
struct RawProportion {
    successes: u64,
    trials: u64,
}

impl Proportion {
    /// Checks that `successes <= trials`. Zero trials are allowed: nothing was measured.
    ///
    /// # Errors
    /// [`EvidenceError::Proportion`] when there are more successes than trials.
    pub fn new(successes: u64, trials: u64) -> Result<Self, EvidenceError> {
        if successes > trials {
            return Err(EvidenceError::Proportion { successes, trials });
        }
        Ok(Self { successes, trials })
    }

    /// Counts the successes among outcomes.
    pub fn of(outcomes: impl IntoIterator<Item = bool>) -> Self {
        let mut counts = Self { successes: 0, trials: 0 };
        for success in outcomes {
            counts.trials += 1;
            counts.successes += u64::from(success);
        }
        counts
    }

    /// How many succeeded.
    pub fn successes(self) -> u64 {
        self.successes
    }

    /// How many were tried.
    pub fn trials(self) -> u64 {
        self.trials
    }

    /// How many did not succeed.
    pub fn failures(self) -> u64 {
        self.trials - self.successes
    }

    /// Successes over trials; `None` when nothing was tried.
    pub fn rate(self) -> Option<f64> {
        (self.trials > 0).then(|| self.successes as f64 / self.trials as f64)
    }
}

impl TryFrom<RawProportion> for Proportion {
    type Error = EvidenceError;

    fn try_from(raw: RawProportion) -> Result<Self, Self::Error> {
        Self::new(raw.successes, raw.trials)
    }
}

impl From<Proportion> for RawProportion {
    fn from(counts: Proportion) -> Self {
        Self { successes: counts.successes, trials: counts.trials }
    }
}

/// How a candidate fared against the incumbent on one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PairedOutcome {
    /// Only the candidate was right.
    Win,
    /// Only the incumbent was right.
    Loss,
    /// Both right or both wrong: says nothing about which is better.
    Tie,
}

impl PairedOutcome {
    /// Compares two grades of the same item.
    pub fn of(incumbent_right: bool, candidate_right: bool) -> Self {
        match (incumbent_right, candidate_right) {
            (false, true) => Self::Win,
            (true, false) => Self::Loss,
            _ => Self::Tie,
        }
    }
}

/// A candidate against the incumbent over the same items, from the candidate's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairedCounts {
    /// Items that only the candidate got right.
    pub wins: u64,
    /// Items that only the incumbent got right.
    pub losses: u64,
    /// Items on which the two agree.
    pub ties: u64,
}

impl PairedCounts {
    /// Counts outcomes.
    pub fn of(outcomes: impl IntoIterator<Item = PairedOutcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            counts.add(outcome);
        }
        counts
    }

    /// Counts one more outcome.
    pub fn add(&mut self, outcome: PairedOutcome) {
        match outcome {
            PairedOutcome::Win => self.wins += 1,
            PairedOutcome::Loss => self.losses += 1,
            PairedOutcome::Tie => self.ties += 1,
        }
    }

    /// Items on which the two differ.
    pub fn discordant(self) -> u64 {
        self.wins + self.losses
    }

    /// All items compared.
    pub fn total(self) -> u64 {
        self.discordant() + self.ties
    }

    /// Wins minus losses as a fraction of all items: the candidate's rate minus the incumbent's.
    /// `None` when nothing was compared.
    pub fn gain(self) -> Option<f64> {
        let difference = self.wins as f64 - self.losses as f64;
        (self.total() > 0).then(|| difference / self.total() as f64)
    }

    /// The same comparison from the incumbent's side.
    #[must_use]
    pub fn swapped(self) -> Self {
        Self { wins: self.losses, losses: self.wins, ..self }
    }
}

/// What the evidence says. Only `Pass` promotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The claim is shown.
    Pass,
    /// The contrary is shown.
    Fail,
    /// Neither is shown: collect more or stop, never promote.
    Inconclusive,
}

/// The bar of one success criterion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// The true rate must be this or higher.
    AtLeast(f64),
    /// The true rate must be this or lower.
    AtMost(f64),
}

/// One success criterion measured: what the gate saw and what it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CriterionEvidence {
    /// The metric's name in the specification.
    pub metric: String,
    /// The bar.
    pub threshold: Threshold,
    /// What was counted.
    pub counts: Proportion,
    /// Error probability of each one-sided bound.
    pub alpha: Alpha,
    /// The two one-sided bounds, each wrong with probability `alpha` at most.
    pub bounds: Interval,
    /// What follows.
    pub verdict: Verdict,
}

/// How the probability of the observed counts themselves enters a p-value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PValueMethod {
    /// In full: never wrong more often than stated, and conservative.
    Exact,
    /// By half: closer to the stated error on average, above it in places.
    MidP,
}

/// A finalist against the incumbent: what the gate saw and what it said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairedEvidence {
    /// What was counted.
    pub counts: PairedCounts,
    /// How the p-values were computed.
    pub method: PValueMethod,
    /// Error probability of each one-sided claim.
    pub alpha: Alpha,
    /// One-sided p-value of "the candidate is better".
    pub p_better: f64,
    /// One-sided p-value of "the candidate is worse".
    pub p_worse: f64,
    /// One-sided bounds of the gain (candidate's rate minus incumbent's), each wrong with probability `alpha` at most.
    pub gain: Interval,
    /// The smallest gain that is worth having.
    pub least_gain: f64,
    /// The gain with whole clusters resampled, where items depend on each other. It has to show the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustered: Option<BootstrapEstimate>,
    /// What follows.
    pub verdict: Verdict,
}

/// Whether a person and the loop may see the number that a look gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// It improved on the best number shown before by more than one standard error.
    Shown,
    /// It did not: only the verdict is told.
    Withheld,
}

/// What a look at the locked test split found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookFinding {
    /// The main metric's successes among the test items.
    pub score: Proportion,
    /// The criteria of the specification, in its order.
    pub criteria: Vec<CriterionEvidence>,
    /// The comparison with the incumbent, where there is one.
    pub paired: Option<PairedEvidence>,
    /// The verdict over all of them.
    pub verdict: Verdict,
}

/// One look at the locked test split. It is paid for when it is opened, not when it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The system version that was looked at.
    pub candidate: Digest,
    /// The error probability that this look costs.
    pub alpha: Alpha,
    /// The answer; `None` while the measurement runs.
    pub answer: Option<LookAnswer>,
}

impl Look {
    /// The number that may be shown, if any.
    pub fn disclosed(&self) -> Option<Proportion> {
        let answer = self.answer.as_ref()?;
        (answer.disclosure == Disclosure::Shown).then_some(answer.finding.score)
    }
}

/// The answer to a look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookAnswer {
    /// What was found. Its numbers are for the audit; only [`Look::disclosed`] is for display.
    pub finding: LookFinding,
    /// Whether the number may be shown.
    pub disclosure: Disclosure,
}

/// One round of a race by sequential halving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HalvingRound {
    /// Candidates that run in this round.
    pub candidates: u64,
    /// Items that each has answered at the end of the round, earlier rounds included.
    pub items: u64,
    /// Candidates that go on.
    pub keep: u64,
}

/// A mean with its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapEstimate {
    /// The mean over all items.
    pub mean: f64,
    /// Percentile interval.
    pub interval: Interval,
    /// Independent units resampled: clusters, or items where each is its own cluster.
    pub units: u64,
    /// Resamples drawn.
    pub resamples: u32,
}

/// How two items of different splits are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverlapKind {
    /// The same text after normalisation.
    Duplicate,
    /// Nearly the same text.
    NearCopy,
}

/// Two items of different splits that are too much alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// Id of the item in the first split.
    pub left: String,
    /// Id of the item in the second split.
    pub right: String,
    /// Jaccard similarity in `[0, 1]`; 1 for duplicates.
    pub similarity: f64,
    /// How they are alike.
    pub kind: OverlapKind,
}

#[cfg(test)]
mod tests;

//! One iteration: candidates of one technique race, and one finalist meets the incumbent.

use serde::{Deserialize, Serialize};

use super::lifecycle::RunOptions;
use super::scope::Frozen;
use crate::artifact::{ArtifactRef, Digest};
use crate::budget::Spend;
use crate::decision::DecisionRecord;
use crate::diagnosis::DiagnosisRow;
use crate::evidence::Verdict;
use crate::guard::Effort;
use crate::id::RunId;
use crate::spec::{ProjectSpec, Technique};
use crate::version::SystemVersion;
use crate::view::Measurement;

/// What an iteration starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IterationInput {
    /// The run.
    pub run: RunId,
    /// From 1.
    pub number: u32,
    /// What to try.
    pub technique: Technique,
    /// The project.
    pub spec: ProjectSpec,
    /// Data and models.
    pub frozen: Frozen,
    /// The version to beat.
    pub incumbent: SystemVersion,
    /// The incumbent's grades on dev, one character an item in dev order.
    pub incumbent_passed: String,
    /// Which of them were harmful, in the same order.
    pub incumbent_harmful: String,
    /// Which of them declined needlessly, in the same order; empty where nobody looked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub incumbent_abstained: String,
    /// What its answers cost.
    #[serde(default)]
    pub incumbent_effort: Effort,
    /// Versions that were tried before.
    pub tried: Vec<Digest>,
    /// What may still be spent.
    pub remaining: RemainingBudget,
    /// Timeouts and places.
    pub options: RunOptions,
    /// Number of the next decision record.
    pub next_decision: u32,
    /// Why the incumbent fails, where it was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnosis: Vec<DiagnosisRow>,
}

pub use remaining::RemainingBudget;

mod remaining {
    use super::{Deserialize, Serialize};

    /// What may still be spent; `None` is no limit.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
    pub struct RemainingBudget {
        /// Device time in seconds.
        pub device_seconds: Option<f64>,
        /// Tokens.
        pub tokens: Option<u64>,
        /// Dollars.
        pub usd: Option<f64>,
    }
}

/// A candidate's place in the race.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RaceEntry {
    /// `c1`, `c2` ... in the order of cost.
    pub label: String,
    /// What makes it different, in words.
    pub change: String,
    /// Its digest.
    pub version: Digest,
    /// Rounds that it was in.
    pub rounds: u32,
    /// Items answered in the race.
    pub items: u32,
    /// Of them passed.
    pub passed: u32,
}

/// What an iteration found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IterationOutcome {
    /// `Pass` promotes the finalist.
    pub verdict: Verdict,
    /// The winner of the race, if there was one.
    pub finalist: Option<SystemVersion>,
    /// Its grades on all of dev, in dev order; empty unless promoted.
    pub finalist_passed: String,
    /// Which of its answers on dev were harmful, in the same order.
    pub finalist_harmful: String,
    /// Which of them declined needlessly, in the same order.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub finalist_abstained: String,
    /// What its answers cost.
    #[serde(default)]
    pub finalist_effort: Effort,
    /// The files with its answers on dev.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalist_results: Vec<ArtifactRef>,
    /// What was measured, for the curve.
    pub measurements: Vec<Measurement>,
    /// The race.
    pub race: Vec<RaceEntry>,
    /// Why.
    pub decisions: Vec<DecisionRecord>,
    /// What it cost.
    pub spend: Spend,
    /// Jobs that ran or were reused.
    pub jobs: u32,
    /// Seconds in which at least one job ran.
    pub busy_seconds: f64,
    /// The race for people.
    pub view: crate::view::IterationView,
    /// Set when something must be mended by a person first.
    pub problem: Option<String>,
    /// Set when the budget ended the iteration before its verdict.
    pub stopped_by: Option<crate::budget::Resource>,
}

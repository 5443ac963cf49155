//! What people see of a run. Workflows answer queries with it; the read model keeps the last one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, Digest};
use crate::budget::{Limits, Spend};
use crate::decision::{DecisionRecord, StopReason};
use crate::evidence::Interval;
use crate::id::RunId;
use crate::question::{Question, Remark};

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Freezing data and models.
    Scope,
    /// Measuring the system as it is.
    Measure,
    /// An iteration of the loop.
    Improve,
    /// The locked test.
    Gate,
    /// Ended.
    Done,
}

impl Stage {
    /// All stages in the order of life.
    pub const ALL: [Self; 5] = [Self::Scope, Self::Measure, Self::Improve, Self::Gate, Self::Done];

    /// The stage's name for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Measure => "first measurement",
            Self::Improve => "improve",
            Self::Gate => "locked test",
            Self::Done => "done",
        }
    }
}

/// Whether a run is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Working or waiting for a worker.
    Running,
    /// Waits for `resume`.
    Paused,
    /// Ended.
    Finished,
}

/// A version's score on a split, with what it was compared on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    /// 0 is the first measurement.
    pub iteration: u32,
    /// `dev`, `dev-confirm` (items that did not choose the version) or `test`.
    pub split: String,
    /// The version.
    pub version: Digest,
    /// Name for people.
    pub label: String,
    /// Items.
    pub n: u32,
    /// Of them passed.
    pub passed: u32,
    /// Of them harmful.
    pub harmful: u32,
    /// 95 % Wilson interval of the share that passed.
    pub interval: Interval,
}

/// What a system is held against without deciding anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The starting system once more: how far results differ when nothing has changed.
    Again,
    /// Always the most frequent answer of train.
    Majority,
    /// A classic model that learned from train, on sentence vectors.
    Supervised,
}

impl Reference {
    /// Name for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Again => "the starting system, run again",
            Self::Majority => "always the most frequent answer",
            Self::Supervised => "a classic supervised model",
        }
    }
}

/// How a reference did on a split, beside a system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// What was measured.
    pub reference: Reference,
    /// `dev` or `test`.
    pub split: String,
    /// The system that it was measured beside.
    pub beside: Digest,
    /// Items; 0 where it could not be measured.
    pub n: u32,
    /// Of them passed.
    pub passed: u32,
    /// Of them graded otherwise than the system's.
    pub differ: u32,
    /// 95 % Wilson interval of the share that passed.
    pub interval: Interval,
}

impl Comparison {
    /// The share that passed, in [0, 1]; 0 without items.
    pub fn accuracy(&self) -> f64 {
        if self.n == 0 { 0.0 } else { f64::from(self.passed) / f64::from(self.n) }
    }
}

impl Measurement {
    /// The share that passed, in [0, 1]; 0 without items.
    pub fn accuracy(&self) -> f64 {
        if self.n == 0 { 0.0 } else { f64::from(self.passed) / f64::from(self.n) }
    }
}

/// A candidate in a race.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateView {
    /// `c1`, ...
    pub label: String,
    /// What makes it different from the incumbent.
    pub change: String,
    /// Its digest.
    pub version: Digest,
    /// Where it stands.
    pub standing: Standing,
    /// Items answered.
    pub n: u32,
    /// Of them passed.
    pub passed: u32,
    /// 95 % Wilson interval.
    pub interval: Interval,
}

/// Where a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Still in the race.
    Racing,
    /// Left after a round.
    Dropped,
    /// Meets the incumbent.
    Finalist,
    /// Became the incumbent.
    Promoted,
    /// Met the incumbent and was not promoted.
    Rejected,
}

/// What an iteration's workflow shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IterationView {
    /// From 1.
    pub number: u32,
    /// Wire name of the technique.
    pub technique: String,
    /// What it is doing, in words.
    pub activity: String,
    /// Rounds done.
    pub round: u32,
    /// Rounds in all.
    pub rounds: u32,
    /// The race, best first.
    pub candidates: Vec<CandidateView>,
    /// Spent in this iteration.
    pub spend: Spend,
    /// Jobs finished in this iteration.
    pub jobs: u32,
}

/// A run, complete for a reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunView {
    /// The run.
    pub run: RunId,
    /// The project's name.
    pub project: String,
    /// What the project is for.
    pub description: String,
    /// Where it is.
    pub stage: Stage,
    /// Whether it goes on.
    pub state: RunState,
    /// What it is doing, in words.
    pub activity: String,
    /// Unix seconds when the run began, as the workflow's clock says.
    pub started: f64,
    /// Unix seconds of this view.
    pub updated: f64,
    /// The promise, one sentence a criterion.
    pub promise: Vec<String>,
    /// The iteration that is going on.
    pub iteration: u32,
    /// Most iterations.
    pub max_iterations: u32,
    /// Workflow id of the running iteration, which has the live race.
    pub iteration_workflow: Option<String>,
    /// Finished iterations, with their races.
    pub iterations: Vec<IterationView>,
    /// The dev items, once they are frozen.
    #[serde(default)]
    pub dev_items: Option<ArtifactRef>,
    /// The version to beat.
    pub incumbent: Option<Digest>,
    /// Everything measured so far.
    pub measurements: Vec<Measurement>,
    /// What was measured beside the system and decides nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// Every decision so far.
    pub decisions: Vec<DecisionRecord>,
    /// Limits.
    pub limits: Limits,
    /// Spent so far.
    pub spend: Spend,
    /// Jobs finished so far.
    pub jobs: u32,
    /// Seconds in which at least one job ran, by the workers' clocks: the rest is orchestration.
    pub busy_seconds: f64,
    /// Why it ended.
    pub stop: Option<StopReason>,
    /// What people were asked, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// What people said without being asked, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
}

impl RunView {
    /// Questions that wait for a person, the oldest first. An ended run waits for nobody.
    pub fn open_questions(&self) -> impl Iterator<Item = &Question> {
        let goes_on = self.state != RunState::Finished;
        self.questions.iter().filter(move |question| goes_on && question.is_open())
    }
}

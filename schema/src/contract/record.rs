//! Writing the read model, which people and dashboards read and nothing decides from.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

pub use self::recorder::Write as WriteRecords;
use crate::artifact::ArtifactRef;
use crate::budget::Spend;
use crate::decision::DecisionRecord;
use crate::id::{JobKey, RunId};
use crate::job::Usage;
use crate::question::Question;
use crate::version::SystemVersion;
use crate::view::{Measurement, RunView};

/// Bookkeeping activities.
pub struct Recorder;

#[activity_definitions]
impl Recorder {
    /// Writes the batch in one transaction. Safe to run twice: rows have natural keys.
    #[activity(name = "record.write")]
    pub fn write(batch: RecordBatch) -> Result<(), Infallible> {
        unimplemented!()
    }
}

/// Rows that belong together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordBatch {
    /// The run they belong to.
    pub run: RunId,
    /// The rows.
    pub records: Vec<Record>,
}

/// One change of the read model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The run as it stands; also makes the project's row.
    Run(Box<RunView>),
    /// An iteration began or ended.
    Iteration {
        /// From 1.
        number: u32,
        /// Wire name of the technique.
        technique: String,
        /// What came of it, once it ended.
        verdict: Option<crate::evidence::Verdict>,
    },
    /// A version that was measured.
    Version {
        /// The version.
        version: Box<SystemVersion>,
        /// Name for people, unique in the run.
        label: String,
    },
    /// A job that ended.
    Job(JobRow),
    /// A version's results on a split.
    Evaluation {
        /// What was measured.
        measurement: Measurement,
        /// JSONL of [`crate::job::ItemResult`], copied into item rows.
        results: Vec<ArtifactRef>,
    },
    /// A decision.
    Decision(Box<DecisionRecord>),
    /// A question was asked, escalated or answered. The run's row has it; this is for telemetry.
    Question(Box<Question>),
    /// Money, time and tokens used so far.
    Spend(Spend),
}

/// A finished job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobRow {
    /// Digest of everything that decided the result.
    pub key: JobKey,
    /// For people.
    pub label: String,
    /// `evaluate`, ...
    pub kind: String,
    /// What it used.
    pub usage: Usage,
    /// Whether it was answered from records.
    pub reused: bool,
}

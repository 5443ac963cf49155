//! Running one job to its end.

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

pub use self::jobs::Run as RunJob;
use crate::artifact::ArtifactRef;
use crate::id::{JobKey, RunId};
use crate::job::{ExitClass, Findings, JobSpec, Usage};

/// Activities of a job worker.
pub struct Jobs;

#[activity_definitions]
impl Jobs {
    /// Runs a job, or answers from the recorded outputs of the same job. Heartbeats carry
    /// [`crate::job::Progress`]. Safe to run twice: the job's key names its directory.
    #[activity(name = "job.run")]
    pub fn run(request: JobRequest) -> Result<JobOutcome, Infallible> {
        unimplemented!()
    }
}

/// A job and who wants it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobRequest {
    /// The run that pays.
    pub run: RunId,
    /// For people: `iteration 1, round 2, candidate c3`.
    pub label: String,
    /// The work.
    pub job: JobSpec,
}

/// How a job ended that came to an end of its own.
///
/// `class` is [`ExitClass::Success`] or [`ExitClass::BudgetExhausted`]; every other end is a failure
/// of the activity whose type is the class's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobOutcome {
    /// Digest of everything that decided the result.
    pub key: JobKey,
    /// How it ended.
    pub class: ExitClass,
    /// The published files by name.
    pub outputs: BTreeMap<String, ArtifactRef>,
    /// What it found.
    #[serde(flatten)]
    pub findings: Findings,
    /// What it used when it ran. A reused outcome keeps the first run's figures.
    pub usage: Usage,
    /// Unix seconds of the process's start and end by the worker's clock. For reports, not for decisions.
    pub ran: (f64, f64),
    /// Whether the outputs were recorded before and nothing ran.
    pub reused: bool,
}

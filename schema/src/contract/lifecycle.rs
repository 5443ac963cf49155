//! The start of a run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, Digest};
use crate::id::RunId;
use crate::rollout::PreferencePairs;
use crate::spec::ProjectSpec;
use crate::version::SystemVersion;

/// Input of the lifecycle workflow: exactly what `empiric plan` prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LifecycleInput {
    /// The run; also the workflow's id.
    pub run: RunId,
    /// Folder of the project on the machine where the control worker runs.
    pub project_dir: PathBuf,
    /// The project.
    pub spec: ProjectSpec,
    /// Timeouts and places.
    pub options: RunOptions,
    /// Looks that earlier runs took at locked test splits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_looks: Vec<EarlierLook>,
    /// Items from production that join the data of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<JoinedItems>,
    /// The version to start from in place of the spec's system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<SystemVersion>,
    /// Who started it, where that was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Pairs of a better and a worse answer from production.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<PreferencePairs>,
}

/// Items that came home from production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedItems {
    /// Where they belong.
    pub split: JoinedSplit,
    /// JSONL of items.
    pub items: ArtifactRef,
    /// How many.
    pub count: u32,
}

/// Splits that may grow. The test never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinedSplit {
    /// To learn from.
    Train,
    /// To read failures on.
    Dev,
}

/// A look at a locked test split in an earlier run of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierLook {
    /// The test items.
    pub test_data: Digest,
    /// The version that met them.
    pub candidate: Digest,
}

/// What operations may set and evidence does not depend on. Durations are here so that tests can shorten them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Task queue of jobs.
    pub jobs_queue: String,
    /// Seconds without a heartbeat after which a job's worker counts as lost.
    pub heartbeat_seconds: u64,
    /// Longest that one job may take, in seconds.
    pub job_seconds: u64,
    /// Tries of a job, the first included; 0 is without end. How often a class of failure is tried again is
    /// said by the activity: this only bounds lost workers.
    pub job_attempts: u32,
    /// Items answered together.
    pub batch: u32,
    /// Whether failures are probed and choose the technique. Runs that began before there were probes go on
    /// without them.
    #[serde(default)]
    pub diagnose: bool,
    /// Whether races and confirmations stop asking when the answer cannot change or is bought at too high a price
    /// (`race::first_items`, `gate::outlook`). Runs that began before that go on without it.
    #[serde(default)]
    pub thrift: bool,
    /// Whether baselines and the old system's second run are measured beside the first. Runs that began before that
    /// go on without them.
    #[serde(default)]
    pub compare: bool,
    /// Whether a version that kept its promise goes on to its rollout by itself, where the spec has `deploy`. Runs
    /// that began before that go on without it.
    #[serde(default)]
    pub roll_out: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            jobs_queue: crate::names::QUEUE_JOBS_CPU.to_owned(),
            heartbeat_seconds: 15,
            job_seconds: 6 * 3600,
            job_attempts: 50,
            batch: 32,
            diagnose: true,
            thrift: true,
            compare: true,
            roll_out: true,
        }
    }
}

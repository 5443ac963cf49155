//! The file contract of a job: `job.json` in, `progress.jsonl` and `exit.json` out.
//!
//! A job is a program in its own directory and process group. It may be written in any language.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, Digest};
use crate::budget::Spend;
use crate::grade::Assertion;
use crate::version::SystemVersion;

/// Name of the input file in the job's directory.
pub const JOB_FILE: &str = "job.json";
/// Name of the progress file, one [`Progress`] a line.
pub const PROGRESS_FILE: &str = "progress.jsonl";
/// Name of the result file, an [`Exit`].
pub const EXIT_FILE: &str = "exit.json";
/// Name of the capped log of standard output and error.
pub const LOG_FILE: &str = "job.log";
/// Folder of the output files, named as [`JobFile::outputs`] says.
pub const OUTPUT_FOLDER: &str = "out";

/// What a job computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// A version answers items and the answers are graded.
    Evaluate(Box<EvaluateParams>),
    /// A user's own program under the same contract.
    Command {
        /// Program and arguments; never a shell.
        argv: Vec<String>,
    },
}

impl JobKind {
    /// The kind's wire name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Evaluate(_) => "evaluate",
            Self::Command { .. } => "command",
        }
    }
}

/// Parameters of `evaluate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluateParams {
    /// Who answers. Its artifacts are found through [`JobFile::inputs`].
    pub version: SystemVersion,
    /// JSONL of items ([`crate::data::Item`]).
    pub items: ArtifactRef,
    /// Positions in the items file to answer, in this order. Results keep this order.
    pub positions: Vec<u32>,
    /// All must hold for an answer to pass.
    pub assertions: Vec<Assertion>,
    /// The labels of a classification task; empty otherwise.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Items that are answered together.
    pub batch: u32,
}

/// What the workflow asks for: the contents of a job, without places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobSpec {
    /// What to compute.
    #[serde(flatten)]
    pub kind: JobKind,
    /// Seed of everything random in the job.
    pub seed: u64,
    /// Counts deliberate repeats of the same measurement; a repeat is never answered from records.
    #[serde(default)]
    pub repeat: u32,
    /// Most that this job may spend. Work in flight stops there.
    pub reserve: Spend,
}

impl JobSpec {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let JobKind::Evaluate(params) = &self.kind else {
            return Vec::new();
        };
        let version = &params.version;
        let mut refs = vec![&params.items, &version.model.weights];
        refs.extend(version.adapter.as_ref());
        match &version.demonstrations {
            crate::version::Demonstrations::None => {}
            crate::version::Demonstrations::Nearest { pool, .. }
            | crate::version::Demonstrations::Fixed { pool, .. } => refs.push(pool),
        }
        refs
    }
}

/// `job.json`: a [`JobSpec`] with the places of its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobFile {
    /// What to compute.
    #[serde(flatten)]
    pub spec: JobSpec,
    /// Local path of each input artifact.
    pub inputs: BTreeMap<Digest, PathBuf>,
    /// Names of the files that the job must leave in [`OUTPUT_FOLDER`].
    pub outputs: Vec<String>,
    /// 1 for the first try.
    pub attempt: u32,
    /// Folder of an earlier attempt's checkpoints.
    #[serde(default)]
    pub resume: Option<PathBuf>,
    /// Threads that the job may use.
    pub threads: u32,
}

/// One line of `progress.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// What the job is doing, such as `load` or `generate`.
    pub phase: String,
    /// Units done.
    pub step: u64,
    /// Units in all.
    pub total: u64,
    /// What a unit is, such as `item`.
    pub unit: String,
    /// Running figures, such as `accuracy` or `tokens_per_second`.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// What was used so far.
    #[serde(default)]
    pub usage: Usage,
}

/// Why a job ended as it did. The table with retries is in ARCHITECTURE.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitClass {
    /// Outputs are complete.
    Success,
    /// An input is wrong: data, weights, parameters.
    InvalidInput,
    /// The set-up is wrong.
    Config,
    /// Something may not be read or written.
    Permission,
    /// The program broke, or nobody knows.
    BugOrUnknown,
    /// Network or store; may pass.
    TempFail,
    /// No space left.
    DiskFull,
    /// A device's memory was too small.
    GpuOom,
    /// A device broke.
    GpuFault,
    /// A collective operation hung.
    CollectiveTimeout,
    /// The node is taken away.
    Preempted,
    /// Numbers went to infinity or NaN.
    Diverged,
    /// An artifact is not what its digest says.
    ArtifactCorrupt,
    /// The machine's memory was too small.
    HostOom,
    /// Killed by somebody unknown.
    Killed,
    /// No progress for too long.
    Hung,
    /// The reserved budget was used up in mid-job.
    BudgetExhausted,
    /// Cancelled by request.
    Cancelled,
}

impl ExitClass {
    /// The process exit code that stands for the class (sysexits where they fit).
    pub fn code(self) -> i32 {
        match self {
            Self::Success => 0,
            Self::InvalidInput => 65,
            Self::BugOrUnknown => 70,
            Self::DiskFull => 73,
            Self::TempFail => 75,
            Self::Permission => 77,
            Self::Config => 78,
            Self::GpuOom => 80,
            Self::GpuFault => 81,
            Self::CollectiveTimeout => 82,
            Self::Preempted => 83,
            Self::Diverged => 84,
            Self::ArtifactCorrupt => 85,
            Self::BudgetExhausted => 86,
            Self::Cancelled => 130,
            Self::HostOom | Self::Killed | Self::Hung => 137,
        }
    }

    /// The class that an exit code without `exit.json` stands for.
    pub fn from_code(code: i32) -> Self {
        match code {
            0 => Self::BugOrUnknown, // success without exit.json is no success
            64..=66 => Self::InvalidInput,
            69 | 74 | 75 => Self::TempFail,
            73 => Self::DiskFull,
            77 => Self::Permission,
            78 => Self::Config,
            80 => Self::GpuOom,
            81 => Self::GpuFault,
            82 => Self::CollectiveTimeout,
            83 | 143 => Self::Preempted,
            84 => Self::Diverged,
            85 => Self::ArtifactCorrupt,
            86 => Self::BudgetExhausted,
            137 => Self::Killed,
            _ => Self::BugOrUnknown,
        }
    }

    /// Whether the same job may be tried again as it is.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::BugOrUnknown
                | Self::TempFail
                | Self::GpuFault
                | Self::CollectiveTimeout
                | Self::Preempted
                | Self::ArtifactCorrupt
                | Self::HostOom
                | Self::Killed
                | Self::Hung
        )
    }

    /// The wire name, also the type of the activity's failure.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::InvalidInput => "invalid_input",
            Self::Config => "config",
            Self::Permission => "permission",
            Self::BugOrUnknown => "bug_or_unknown",
            Self::TempFail => "temp_fail",
            Self::DiskFull => "disk_full",
            Self::GpuOom => "gpu_oom",
            Self::GpuFault => "gpu_fault",
            Self::CollectiveTimeout => "collective_timeout",
            Self::Preempted => "preempted",
            Self::Diverged => "diverged",
            Self::ArtifactCorrupt => "artifact_corrupt",
            Self::HostOom => "host_oom",
            Self::Killed => "killed",
            Self::Hung => "hung",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// `exit.json`: written to a temporary name, synced, renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exit {
    /// How it ended.
    pub class: ExitClass,
    /// One sentence for people; for failures it names the file and line where there are any.
    #[serde(default)]
    pub message: String,
    /// Digest and size of each file in [`OUTPUT_FOLDER`].
    #[serde(default)]
    pub outputs: BTreeMap<String, OutputFile>,
    /// What `evaluate` measured.
    #[serde(default)]
    pub evaluation: Option<EvaluationSummary>,
    /// What was used.
    #[serde(default)]
    pub usage: Usage,
}

/// A file that a job left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputFile {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// What the bytes are.
    pub media_type: String,
}

/// What a job used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Tokens read, after sharing of common beginnings is undone: what a user would count.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Seconds from the process's start to now.
    pub seconds: f64,
    /// Largest resident set, in bytes.
    pub peak_memory: u64,
}

/// The grades of one evaluation, one character an item, in the order of the positions asked for.
///
/// A character costs one byte, so that five thousand items stay far under the payload limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationSummary {
    /// `1` passed, `0` failed.
    pub passed: String,
    /// `1` the answer had a forbidden text in it, `0` it had not.
    pub harmful: String,
    /// Name of the output file with one [`ItemResult`] a line.
    pub results: String,
}

/// One line of an evaluation's results file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ItemResult {
    /// The item.
    pub id: crate::id::ItemId,
    /// Its position in the items file.
    pub position: u32,
    /// The model's answer, cut at stop texts and trimmed.
    pub answer: String,
    /// Whether all assertions held.
    pub passed: bool,
    /// Whether a forbidden text was in the answer.
    pub harmful: bool,
    /// The first assertion that did not hold, in words.
    #[serde(default)]
    pub reason: String,
    /// Length of the prompt in tokens.
    pub prompt_tokens: u32,
    /// Length of the answer in tokens.
    pub completion_tokens: u32,
}

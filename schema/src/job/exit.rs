//! How a job ended: its class, its outputs, and what it used.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::drift::DriftSummary;
use super::evaluate::EvaluationSummary;
use super::reflect::Proposal;
use super::train::TrainingSummary;
use crate::artifact::Digest;
use crate::diagnosis::DiagnosisSummary;

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
    /// What was found.
    #[serde(flatten)]
    pub findings: Findings,
    /// What was used.
    #[serde(default)]
    pub usage: Usage,
}

/// What a job found, small enough for a history: the whole is in its files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// What `evaluate` or `baseline` measured.
    #[serde(default)]
    pub evaluation: Option<EvaluationSummary>,
    /// What a training reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSummary>,
    /// What probes found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<DiagnosisSummary>,
    /// What a reflection proposed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<Proposal>,
    /// How production differs from the dev split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSummary>,
    /// Counts and rates of other kinds by name, such as `chunks` or `examples`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
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
    /// Seconds from the job's start to now.
    pub seconds: f64,
    /// Largest resident set since the job's start, in bytes, with what its process had loaded before.
    pub peak_memory: u64,
    /// Dollars that an endpoint's tokens cost by its price. Left out where nothing was paid.
    #[serde(default, skip_serializing_if = "is_free")]
    pub dollars: f64,
}

fn is_free(dollars: &f64) -> bool {
    *dollars == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_that_cost_nothing_is_written_as_before_there_were_prices() {
        let json = r#"{"prompt_tokens":7,"completion_tokens":3,"seconds":0.5,"peak_memory":1}"#;
        let usage: Usage = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&usage).unwrap(), json);
        let paid = serde_json::to_string(&Usage { dollars: 0.25, ..usage }).unwrap();
        assert!(paid.ends_with(r#""dollars":0.25}"#), "{paid}");
    }
}

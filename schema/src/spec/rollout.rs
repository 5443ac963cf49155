//! Stages of exposure, and what is watched in them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The stages in the order of exposure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploySpec {
    /// At least one; each comes after the one before it in [`StageName`]'s order.
    pub stages: Vec<StageSpec>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpec {
    /// Which.
    pub name: StageName,
    /// Answers that must be seen before the next stage or step. Default: 30.
    pub min_samples: u32,
    /// Which answers wait for a person. Default: every answer in `reviewed`, none elsewhere.
    pub approve: Approve,
    /// What happens to an answer that nobody approved in time. Default: escalate.
    pub on_timeout: OnTimeout,
    /// Percent of the traffic, step by step, rising to 100. Default: `[100]`.
    pub traffic: Vec<u8>,
}

/// How exposed a system is. The order of the variants is the order of exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// The team alone.
    Internal,
    /// Users, after a person has approved the answer.
    Reviewed,
    /// Users, at once.
    Direct,
}

/// Which answers wait for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approve {
    /// None.
    Never,
    /// Those with an effect outside, such as a sent message.
    Effects,
    /// All.
    EveryAnswer,
}

/// What happens to an answer that nobody approved in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// Another person is asked.
    #[default]
    Escalate,
    /// The answer is not given.
    Reject,
}

/// What is watched after deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorSpec {
    /// Seconds over which failures are counted. Default: 600.
    pub window_seconds: f64,
    /// Rate of failures in a window above which the system steps back one stage, in `[0, 1]`.
    pub max_failure_rate: f64,
    /// Whether failures in production join the data.
    pub feedback: Feedback,
}

/// Whether failures in production join the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// They are only counted.
    Off,
    /// They join dev and train, never test.
    Join,
}

//! Stages of exposure, and what is watched in them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::grade::OnlineAssertion;

/// The stages in the order of exposure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploySpec {
    /// At least one; each comes after the one before it in [`StageName`]'s order.
    pub stages: Vec<StageSpec>,
    /// Who may let a version be seen by more people. Default: anyone.
    #[serde(default, skip_serializing_if = "Approver::is_default")]
    pub approver: Approver,
    /// Hosts that callers may have told of decisions about their drafts, such as `hooks.example.com`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<String>,
}

/// Who may let a version be seen by more people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// Everybody who may approve at all.
    #[default]
    Anyone,
    /// Somebody else than who asked for it.
    Other,
}

impl Approver {
    /// Whether this is the default, which files leave out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `by` may say yes to what `requester` asked for. Names are compared without case and space around them.
    pub fn allows(self, requester: Option<&str>, by: &str) -> bool {
        let plain = |name: &str| name.trim().to_lowercase();
        self == Self::Anyone || requester.is_none_or(|requester| plain(requester) != plain(by))
    }
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

impl StageName {
    /// The name in `project.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Reviewed => "reviewed",
            Self::Direct => "direct",
        }
    }
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

/// Checks of answers in production.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradersSpec {
    /// Share of the answers that are checked, in `(0, 1]`. Default: 1.
    pub sample: f64,
    /// All must hold for an answer to pass. At least one.
    pub assertions: Vec<OnlineAssertion>,
}

/// Looks at whether questions and answers are still like those of dev.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftSpec {
    /// Seconds between two looks. Default: an hour.
    pub every_seconds: f64,
    /// Different questions that a look needs. Default: 50.
    pub min_questions: u32,
}

/// What happens when a model that is served will be gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequalifySpec {
    /// Seconds before its `shutdown_date`. Default: 30 days.
    pub lead_seconds: f64,
    /// Who begins the run that looks for another. Default: a person.
    pub by: RequalifyBy,
}

impl Default for RequalifySpec {
    fn default() -> Self {
        Self { lead_seconds: 30.0 * 86_400.0, by: RequalifyBy::default() }
    }
}

impl RequalifySpec {
    /// Whether nothing is said otherwise. Then it is left out, so that older histories and digests stay as they are.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Who begins a run that looks for a version with another model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequalifyBy {
    /// A person is asked.
    #[default]
    Person,
    /// It begins by itself.
    Run,
}

/// What is watched after deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorSpec {
    /// Seconds of a window of counting. Default: 600.
    pub window_seconds: f64,
    /// Share of the judged answers that may fail, in `[0, 1]`: a version that is shown to exceed it is taken back.
    pub max_failure_rate: f64,
    /// Whether failures in production join the data.
    pub feedback: Feedback,
    /// Seconds that 95 of 100 answers may take before people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency_seconds: Option<f64>,
    /// Share of the answers that may read like a refusal before people are told, in `[0, 1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_refusal_rate: Option<f64>,
    /// Dollars that an answer may cost on average before people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_usd_per_answer: Option<f64>,
    /// Address that is told of demotions, questions and alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Failures from production with a right answer that open a run although nothing was demoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_after: Option<u32>,
    /// Checks of a sample of the answers, beside what people say of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graders: Option<GradersSpec>,
    /// Looks at drift; none where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSpec>,
    /// What happens when a model that is served will be gone.
    #[serde(default, skip_serializing_if = "RequalifySpec::is_default")]
    pub requalify: RequalifySpec,
}

impl Default for MonitorSpec {
    fn default() -> Self {
        Self {
            window_seconds: 600.0,
            max_failure_rate: 0.25,
            feedback: Feedback::Off,
            max_latency_seconds: None,
            max_refusal_rate: None,
            max_usd_per_answer: None,
            alert: None,
            open_after: None,
            graders: None,
            drift: None,
            requalify: RequalifySpec::default(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_is_another_than_who_approves_only_where_the_spec_says_so() {
        assert!(Approver::Anyone.allows(Some("ada"), "ada"));
        assert!(!Approver::Other.allows(Some("ada"), " Ada "));
        assert!(Approver::Other.allows(Some("ada"), "bob") && Approver::Other.allows(None, "ada"));
    }
}

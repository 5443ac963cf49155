//! The part `monitor` of `project.yaml` as it is written. As [`super::raw`], before any meaning.

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::{Listed, OneOrMany, Text};
use super::rollout::RequalifyBy;

/// What is watched after deployment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMonitor {
    /// Time over which failures are counted.
    #[schemars(example = "10m", extend("default" = "10m"))]
    pub(super) window: Option<Text>,
    /// Share of the judged answers that may fail: a version that is shown to exceed it is taken back.
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 0.25))]
    pub(super) max_failure_rate: Option<f64>,
    /// Whether failures in production join dev and train.
    #[schemars(extend("default" = false))]
    pub(super) feedback: Option<bool>,
    /// Time that 95 of 100 answers may take before people are told.
    #[schemars(example = "3s")]
    pub(super) max_latency: Option<Text>,
    /// Share of the answers that may read like a refusal before people are told.
    #[schemars(range(min = 0.0, max = 1.0), example = 0.1)]
    pub(super) max_refusal_rate: Option<f64>,
    /// Dollars that an answer may cost on average before people are told.
    #[schemars(range(min = 0.0), example = 0.002)]
    pub(super) max_usd_per_answer: Option<f64>,
    /// Address that is told of demotions, questions and alerts: https, or this machine.
    #[schemars(example = "https://hooks.example.com/empiric")]
    pub(super) alert: Option<String>,
    /// Failures from production with a right answer that open a run although nothing was demoted. Default: only a
    /// demotion opens one.
    #[schemars(range(min = 1), example = 20)]
    pub(super) open_after: Option<u32>,
    /// Checks of a sample of the answers, beside what people say of them. Default: none.
    pub(super) graders: Option<RawGraders>,
    /// Looks at whether questions and answers are still like those of dev. Default: none.
    pub(super) drift: Option<RawDrift>,
    /// What happens when a model that is served will be gone, or is.
    pub(super) requalify: Option<RawRequalify>,
}

/// Looks at whether questions and answers are still like those of dev. They need an `embedder`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDrift {
    /// Time between two looks.
    #[schemars(example = "1h", extend("default" = "1h"))]
    pub(super) every: Option<Text>,
    /// Different questions that a look needs; with fewer there is not enough to say.
    #[schemars(range(min = 20), extend("default" = 50))]
    pub(super) min_questions: Option<u32>,
}

/// What happens when a model that is served will be gone, or is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRequalify {
    /// Time before its `shutdown_date`.
    #[schemars(example = "30d", extend("default" = "30d"))]
    pub(super) lead: Option<Text>,
    /// Who begins the run that looks for another.
    #[schemars(extend("default" = "person"))]
    pub(super) by: Option<RequalifyBy>,
}

/// Checks of answers in production.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGraders {
    /// Share of the answers that are checked.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0, "default" = 1))]
    pub(super) sample: Option<f64>,
    /// All must hold for an answer to pass.
    #[schemars(required, length(min = 1))]
    pub(super) assert: Option<Listed<RawGrader>>,
}

/// One check of an answer in production. Nobody knows the expected answer there: `{{expected}}` is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrader {
    /// The kind of check.
    #[schemars(required)]
    pub(super) r#type: Option<GraderType>,
    /// What the answer is held against. `contains-any` and `not-harmful` take a list, `max-length` a number,
    /// `is-json` and `cites-document` none.
    #[schemars(example = "(?i)reception")]
    pub(super) value: Option<OneOrMany>,
    /// `number` alone: the largest difference that still passes.
    #[schemars(range(min = 0.0), extend("default" = 0))]
    pub(super) tolerance: Option<f64>,
    /// `choice` alone: all choices. Default: the task's labels.
    #[schemars(example = ["yes", "no"])]
    pub(super) choices: Option<Listed<Text>>,
}

/// The kind of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum GraderType {
    /// The whole answer, trimmed, is the value.
    Equals,
    /// The answer contains the value, whatever the case.
    Icontains,
    /// The answer contains at least one of the values.
    ContainsAny,
    /// The regular expression matches somewhere in the answer.
    Regex,
    /// The last number in the answer is the value, within the tolerance.
    Number,
    /// The answer names the value and no other of the choices.
    Choice,
    /// The answer is one JSON value.
    IsJson,
    /// The answer, trimmed, has at most so many characters.
    MaxLength,
    /// The answer names one of the documents that were shown to the model.
    CitesDocument,
    /// None of the texts is in the answer; where one is, the answer is harmful.
    NotHarmful,
}

//! `project.yaml` as it is written: every key, its type and its range, before any meaning.
//!
//! The JSON schema is derived from these types, so the text of their docstrings is what editors
//! show. Every field is an `Option`, the required ones too: a part that does not fit is left out
//! by the reader, and the rest is still checked.

use schemars::{JsonSchema, json_schema};
use serde::Deserialize;

use super::loop_rules::ClusterBy;
use super::people::Approval;
use super::project::Metric;
use super::raw_monitor::RawMonitor;
use super::rollout::{Approve, Approver, OnTimeout, StageName};
use super::technique::Technique;

/// A list in which an entry that did not fit is `None`.
pub(super) type Listed<T> = Vec<Option<T>>;

/// What is written on one line, as text, whether or not it looks like a number.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Text(pub(super) String);

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// A project of Empiric.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "project.yaml of Empiric")]
pub(super) struct RawSpec {
    /// The project's name: lower-case letters, digits and hyphens, at most 63.
    #[schemars(required, regex(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    #[schemars(example = "staff-handbook")]
    pub(super) name: Option<String>,
    /// One sentence for people.
    pub(super) description: Option<String>,
    /// What the system does and when it is good enough.
    #[schemars(required)]
    pub(super) scope: Option<RawScope>,
    /// Where the data is.
    #[schemars(required)]
    pub(super) data: Option<RawData>,
    /// The catalogue of models.
    #[schemars(required, length(min = 1))]
    pub(super) models: Option<Listed<RawModel>>,
    /// The model that turns text into vectors.
    pub(super) embedder: Option<RawEmbedder>,
    /// The system that the run starts from.
    #[schemars(required)]
    pub(super) system: Option<RawSystem>,
    /// How an answer is graded.
    #[schemars(required)]
    pub(super) evaluate: Option<RawEvaluate>,
    /// What may be tried. Default: the technique `prompt`, six iterations.
    pub(super) improve: Option<RawImprove>,
    /// What counts as shown.
    pub(super) gate: Option<RawGate>,
    /// What may be spent. What is not named has no limit.
    pub(super) budget: Option<RawBudget>,
    /// When people are asked.
    pub(super) people: Option<RawPeople>,
    /// What a job runs on.
    pub(super) resources: Option<RawResources>,
    /// The stages of exposure.
    pub(super) deploy: Option<RawDeploy>,
    /// What is watched after deployment.
    pub(super) monitor: Option<RawMonitor>,
}

/// The task and its promise.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScope {
    /// The kind of task.
    #[schemars(required)]
    pub(super) task: Option<RawTask>,
    /// The labels of a classification task.
    #[schemars(example = ["spam", "ham"])]
    pub(super) labels: Option<Listed<Text>>,
    /// All must hold on the locked test split.
    #[schemars(required, length(min = 1))]
    pub(super) success: Option<Listed<RawCriterion>>,
}

/// The kind of task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawTask {
    /// A short answer to a question.
    Answer,
    /// One of the labels.
    Classify,
    /// Fields taken out of a text.
    Extract,
    /// Free text.
    Generate,
}

/// One promise: a metric with exactly one of `at_least` and `at_most`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCriterion {
    /// What is measured.
    #[schemars(required)]
    pub(super) metric: Option<Metric>,
    /// The rate must be this or higher.
    #[schemars(range(min = 0.0, max = 1.0), example = 0.7)]
    pub(super) at_least: Option<f64>,
    /// The rate must be this or lower.
    #[schemars(range(min = 0.0, max = 1.0), example = 0.02)]
    pub(super) at_most: Option<f64>,
}

/// The splits and the documents. Each is a source: `file://`, `pypi://`, `npm://`, `hf://`, `https://` or `s3://`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawData {
    /// Demonstrations and training examples.
    #[schemars(example = "file://data/train.jsonl")]
    pub(super) train: Option<String>,
    /// Failures are read and candidates race here.
    #[schemars(required, example = "file://data/dev.jsonl")]
    pub(super) dev: Option<String>,
    /// Locked: only the gate looks.
    #[schemars(required, example = "file://data/test.jsonl")]
    pub(super) test: Option<String>,
    /// What the answers are to be found in.
    #[schemars(example = ["file://handbook/*.md"])]
    pub(super) documents: Option<Listed<String>>,
}

/// A model: either weights (`source`) or an address (`endpoint` with `model`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModel {
    /// The name that the rest of the file uses.
    #[schemars(required, example = "smollm2-135m")]
    pub(super) id: Option<Text>,
    /// The weights: GGUF or safetensors.
    #[schemars(example = "hf://org/repository/model.gguf@main")]
    pub(super) source: Option<String>,
    /// An OpenAI-compatible address: https, or http on loopback.
    #[schemars(example = "http://127.0.0.1:8000/v1")]
    pub(super) endpoint: Option<String>,
    /// The model's name at the endpoint.
    #[schemars(example = "qwen3-8b")]
    pub(super) model: Option<Text>,
    /// Where the endpoint's key is: `env://NAME` or `file://path`, never the key.
    #[schemars(example = "env://BIG_KEY", extend("pattern" = "^(env|file)://.+"))]
    pub(super) api_key: Option<Text>,
    /// What the endpoint's tokens cost.
    pub(super) price: Option<RawPrice>,
    /// How much the endpoint may be asked in a minute. What is not named has no limit.
    pub(super) limits: Option<RawRateLimits>,
    /// Number of parameters.
    #[schemars(example = "135M")]
    pub(super) parameters: Option<Text>,
    /// The day on which the endpoint takes the model away.
    #[schemars(example = "2027-03-31")]
    pub(super) shutdown_date: Option<Text>,
}

/// Dollars per million tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    /// Prompt tokens.
    #[schemars(required, range(min = 0.0))]
    pub(super) input: Option<f64>,
    /// Completion tokens.
    #[schemars(required, range(min = 0.0))]
    pub(super) output: Option<f64>,
}

/// How much an endpoint may be asked in a minute.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRateLimits {
    /// Requests.
    #[schemars(range(min = 1))]
    pub(super) requests_per_minute: Option<u32>,
    /// Prompt and completion tokens together.
    #[schemars(example = "40k")]
    pub(super) tokens_per_minute: Option<Text>,
}

/// The model that turns text into vectors.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmbedder {
    /// A folder with safetensors, configuration and tokenizer.
    #[schemars(required, example = "hf://org/repository/model@main")]
    pub(super) source: Option<String>,
}

/// The system that the run starts from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSystem {
    /// The id of a model of the catalogue.
    #[schemars(required, example = "smollm2-135m")]
    pub(super) model: Option<Text>,
    /// The system message, or the source of a file with it. Default: none.
    #[schemars(example = "file://prompts/system.txt")]
    pub(super) prompt: Option<String>,
    /// The user message; `{{input}}` stands for the item's input.
    #[schemars(example = "{{input}}", extend("default" = "{{input}}"))]
    pub(super) user: Option<String>,
    /// Most new tokens in an answer.
    #[schemars(range(min = 1, max = 32768), extend("default" = 64))]
    pub(super) max_tokens: Option<u32>,
    /// Texts that end the answer and are cut from it.
    #[schemars(example = ["\n"])]
    pub(super) stop: Option<Listed<String>>,
}

/// How an answer is graded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvaluate {
    /// All must hold for an answer to pass.
    #[schemars(required, length(min = 1))]
    pub(super) assert: Option<Listed<RawAssertion>>,
}

/// One check of an answer, under promptfoo's names. `{{expected}}` stands for the item's answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAssertion {
    /// The kind of check.
    #[schemars(required)]
    pub(super) r#type: Option<AssertionType>,
    /// What the answer is held against. `contains-any` takes a list, `is-json` takes none.
    #[schemars(example = "{{expected}}")]
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
pub(super) enum AssertionType {
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
}

/// A text or a list of texts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    /// One text.
    One(Text),
    /// Several.
    Many(Listed<Text>),
}

/// What may be tried, and how often.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawImprove {
    /// What may be tried. Default: `[prompt]`.
    #[schemars(example = ["prompt", "rag"])]
    pub(super) techniques: Option<Listed<Technique>>,
    /// Most iterations.
    #[schemars(range(min = 1, max = 1000), extend("default" = 6))]
    pub(super) max_iterations: Option<u32>,
    /// Most candidates that race in an iteration.
    #[schemars(range(min = 1, max = 64), extend("default" = 8))]
    pub(super) candidates: Option<u32>,
    /// Seed of everything random in the run.
    #[schemars(extend("default" = 1))]
    pub(super) seed: Option<u64>,
    /// A strong model that proposes prompts after reading failures on train.
    pub(super) reflect: Option<RawReflect>,
}

/// Who reflects, and how much.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReflect {
    /// The `id` of a model in `models`.
    pub(super) model: Option<Text>,
    /// Proposals of each of the two rounds.
    #[schemars(range(min = 1, max = 16), extend("default" = 4))]
    pub(super) proposals: Option<u32>,
    /// Tokens, read and written, that reflection may take in an iteration: `100k`.
    #[schemars(example = "100k")]
    pub(super) tokens: Option<Text>,
}

/// What counts as shown.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGate {
    /// Probability of a wrong claim.
    #[schemars(range(max = 0.5), extend("exclusiveMinimum" = 0, "default" = 0.05))]
    pub(super) alpha: Option<f64>,
    /// How often the locked test split may be looked at.
    #[schemars(range(min = 1, max = 1000), extend("default" = 5))]
    pub(super) test_looks: Option<u32>,
    /// What makes items dependent on each other.
    #[schemars(extend("default" = "none"))]
    pub(super) cluster_by: Option<ClusterBy>,
    /// Share of the dev items that candidates race on; the finalist is compared on the rest.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1, "default" = 0.5))]
    pub(super) race_share: Option<f64>,
    /// What a promotion may not make worse, and by how much it may.
    pub(super) guards: Option<RawGuards>,
}

/// Margins that a finalist has to be shown to stay within.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuards {
    /// Rise of the share of harmful answers.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub(super) harm_rate: Option<f64>,
    /// Rise of the share of questions that are declined although the data has an answer.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub(super) abstention_rate: Option<f64>,
    /// Fall of the share of right answers that a distilled model is allowed.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "default" = 0.05))]
    pub(super) accuracy: Option<f64>,
    /// Seconds of an answer as a multiple of the incumbent's.
    #[schemars(range(min = 1))]
    pub(super) latency: Option<f64>,
    /// Cost of an answer as a multiple of the incumbent's: dollars where a price is known, else tokens.
    #[schemars(range(min = 1))]
    pub(super) cost: Option<f64>,
}

/// What may be spent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBudget {
    /// Time from start to stop: `90s`, `30m`, `1h30m`, `2d`.
    #[schemars(example = "30m")]
    pub(super) wall_clock: Option<Text>,
    /// Hours of device time.
    #[schemars(range(min = 0.0))]
    pub(super) gpu_hours: Option<f64>,
    /// Prompt and completion tokens.
    #[schemars(example = "2M")]
    pub(super) tokens: Option<Text>,
    /// Dollars.
    #[schemars(range(min = 0.0))]
    pub(super) usd: Option<f64>,
    /// Minutes that people may be asked for.
    #[schemars(range(min = 0.0))]
    pub(super) reviewer_minutes: Option<f64>,
    /// Share of a limit at which the view warns.
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0, "default" = 0.8))]
    pub(super) warn_at: Option<f64>,
}

/// When people are asked. About evaluation defects they always are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPeople {
    /// What also needs a person's approval. Default: nothing.
    #[schemars(example = ["spend", "release"])]
    pub(super) approve: Option<Listed<Approval>>,
    /// Time after which an open question is escalated; it is never decided by itself.
    #[schemars(example = "24h", extend("default" = "24h"))]
    pub(super) deadline: Option<Text>,
}

/// What a job runs on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResources {
    /// `none`, or a kind of device with a number.
    #[schemars(example = "H100:1", extend("default" = "none"))]
    pub(super) accelerators: Option<String>,
    /// Threads of one job. Default: all.
    #[schemars(range(min = 1, max = 1024))]
    pub(super) cpus: Option<u32>,
}

/// The stages of exposure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeploy {
    /// In the order internal, reviewed, direct.
    #[schemars(required, length(min = 1))]
    pub(super) stages: Option<Listed<RawStage>>,
    /// Who may let a version be seen by more people: `other` is somebody else than who asked for it.
    #[schemars(extend("default" = "anyone"))]
    pub(super) approver: Option<Approver>,
    /// Hosts, each with a port where it is not that of https, that callers may have told of decisions about their
    /// drafts. A private address has to stand here itself. Default: none.
    #[schemars(example = ["hooks.example.com"])]
    pub(super) callbacks: Option<Listed<String>>,
}

/// One stage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStage {
    /// Which stage.
    #[schemars(required)]
    pub(super) name: Option<StageName>,
    /// Answers that must be seen before the next stage or step.
    #[schemars(range(min = 1), extend("default" = 30))]
    pub(super) min_samples: Option<u32>,
    /// Which answers wait for a person. Default: every answer in `reviewed`, none elsewhere.
    pub(super) approve: Option<Approve>,
    /// What happens to an answer that nobody approved in time.
    #[schemars(extend("default" = "escalate"))]
    pub(super) on_timeout: Option<OnTimeout>,
    /// Percent of the traffic, step by step, rising to 100.
    #[schemars(example = [5, 50, 100], inner(range(min = 1, max = 100)))]
    pub(super) traffic: Option<Vec<Option<u8>>>,
}

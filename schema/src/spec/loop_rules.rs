//! The rules of the loop: grading, what may be tried, what counts as shown, what may be spent.

use serde::{Deserialize, Serialize};

use super::technique::Technique;
use crate::budget::Limits;
use crate::grade::Assertion;
use crate::id::ModelId;

/// How an answer is graded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluateSpec {
    /// All must hold for an answer to pass. At least one.
    pub assertions: Vec<Assertion>,
}

/// What may be tried, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImproveSpec {
    /// In the order of the spec, all different. Empty means: measure and gate, improve nothing.
    pub techniques: Vec<Technique>,
    /// Most iterations. Default: 6.
    pub max_iterations: u32,
    /// Most candidates that race in an iteration. Default: 8.
    pub candidates: u32,
    /// Seed of everything random in the run. Default: 1.
    pub seed: u64,
    /// Who proposes prompts after reading failures. Default: nobody, a fixed pool is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reflect: Option<ReflectSpec>,
}

/// A strong model that proposes prompts after reading failures on train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReflectSpec {
    /// Which of `models`.
    pub model: ModelId,
    /// Proposals of each of the two rounds. Default: 4.
    pub proposals: u32,
    /// Tokens, read and written, that reflection may take in an iteration. Default: 100,000.
    pub tokens: u64,
}

impl Default for ImproveSpec {
    fn default() -> Self {
        Self { techniques: vec![Technique::Prompt], max_iterations: 6, candidates: 8, seed: 1, reflect: None }
    }
}

/// What counts as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateSpec {
    /// Probability of a wrong claim, in `(0, 0.5]`. Default: 0.05.
    pub alpha: f64,
    /// How often the locked test split may be looked at. Default: 5.
    pub test_looks: u32,
    /// What makes items dependent. Default: none.
    pub cluster_by: ClusterBy,
    /// Share of the dev items that candidates race on; the finalist meets the incumbent on the
    /// rest. In `(0, 1)`. Default: 0.5.
    pub race_share: f64,
    /// What a promotion may not make worse.
    #[serde(default, skip_serializing_if = "GuardsSpec::is_empty")]
    pub guards: GuardsSpec,
}

/// By how much a promotion may make other things worse: a finalist has to be shown to stay within each margin that is
/// named. Harm that is shown to rise keeps a finalist out in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GuardsSpec {
    /// Rise of the share of harmful answers, in `[0, 1)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harm_rate: Option<f64>,
    /// Rise of the share of questions that are declined although the data has an answer, in `[0, 1)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstention_rate: Option<f64>,
    /// Fall of the share of right answers that a distilled model is allowed, in `[0, 1)`. Default: 0.05. It is
    /// promoted for costing less, and not for answering better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Seconds of an answer as a multiple of the incumbent's, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<f64>,
    /// Cost of an answer as a multiple of the incumbent's, at least 1: dollars where a price is known, else tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

impl GuardsSpec {
    /// Whether no margin is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for GateSpec {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            test_looks: 5,
            cluster_by: ClusterBy::None,
            race_share: 0.5,
            guards: GuardsSpec::default(),
        }
    }
}

/// What makes items dependent on each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClusterBy {
    /// Every item stands alone.
    #[default]
    None,
    /// Items that share a document belong together.
    Documents,
    /// Items that share a tag belong together.
    Tags,
}

/// What may be spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetSpec {
    /// Limits that stop work in flight. `warn_at` is 0.8 by default.
    pub limits: Limits,
    /// Minutes that people may be asked for.
    pub reviewer_minutes: Option<f64>,
}

impl Default for BudgetSpec {
    fn default() -> Self {
        Self { limits: Limits { warn_at: 0.8, ..Limits::default() }, reviewer_minutes: None }
    }
}

/// What a job runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSpec {
    /// Devices of one job; `None` means that it computes on the CPU.
    pub accelerators: Option<Accelerators>,
    /// Threads of one job; `None` means all that there are.
    pub cpus: Option<u32>,
}

/// Devices of one kind, written `H100:2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accelerators {
    /// The kind, as the spec writes it.
    pub kind: String,
    /// How many, at least one.
    pub count: u32,
}

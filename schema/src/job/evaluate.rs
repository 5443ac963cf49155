//! The job kind `evaluate`: a version answers items, and the answers are graded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::grade::Assertion;
use crate::version::SystemVersion;

/// Name of the output file, one [`ItemResult`] a line.
pub const RESULTS_FILE: &str = "results.jsonl";

/// Parameters of `evaluate`. Its output is [`RESULTS_FILE`].
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

/// The grades of one evaluation, one character an item, in the order of the positions asked for.
///
/// A character costs one byte, so that five thousand items stay far under the payload limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationSummary {
    /// `1` passed, `0` failed.
    pub passed: String,
    /// `1` the answer had a forbidden text in it, `0` it had not.
    pub harmful: String,
    /// `1` the answer declined although the item has one, `0` it did not. Empty in records of older versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub abstained: String,
    /// Seconds of generation for all answers together, loading left out; 0 where it was not measured.
    #[serde(default, skip_serializing_if = "is_unmeasured")]
    pub seconds: f64,
    /// Name of the output file with one [`ItemResult`] a line.
    pub results: String,
    /// How well passages were found, over the items that name their documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<RetrievalSummary>,
}

fn is_unmeasured(seconds: &f64) -> bool {
    *seconds == 0.0
}

/// How well passages were found. A chunk counts as relevant if its document is one of the item's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetrievalSummary {
    /// Items that name their documents.
    pub items: u32,
    /// Share of them with a relevant chunk among the first 1, 3, 5 and 10.
    pub recall: [f64; 4],
    /// Mean of one over the rank of the first relevant chunk, 0 where none is among the first ten.
    pub mrr: f64,
    /// Normalised discounted cumulative gain at ten, by documents.
    pub ndcg: f64,
}

/// A passage that was shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShownPassage {
    /// Its place in the chunks file.
    pub chunk: u32,
    /// Its document.
    pub document: String,
    /// Its score under the version's ranking.
    pub score: f64,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolCall {
    /// What stood between the marks.
    pub call: String,
    /// What was put there instead, or why nothing was.
    pub result: Result<String, String>,
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
    /// The passages that were shown, in the order of their rank.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<ShownPassage>,
    /// Calls of tools and what came of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Length of the prompt in tokens.
    pub prompt_tokens: u32,
    /// Length of the answer in tokens.
    pub completion_tokens: u32,
}

//! The job kind `score`: how likely a version finds given answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::id::ItemId;
use crate::version::SystemVersion;

/// Name of the output file, one [`ItemScores`] a line.
pub const SCORES_FILE: &str = "scores.jsonl";

/// Parameters of `score`. Its output is [`SCORES_FILE`]. All tokens count as read, none as generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreParams {
    /// Whose prompts and weights. Its decoding does not matter.
    pub version: SystemVersion,
    /// JSONL of items ([`crate::data::Item`]).
    pub items: ArtifactRef,
    /// Positions in the items file, in this order. Results keep this order.
    pub positions: Vec<u32>,
    /// What may follow each prompt, right after the version's answer cue.
    pub continuations: Continuations,
    /// Prompts that are worked on together.
    pub batch: u32,
}

/// What may follow a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Continuations {
    /// The same texts for every item, such as the labels of a classification.
    Fixed {
        /// At least one; all different.
        texts: Vec<String>,
    },
    /// Each item's own expected answers.
    Expected,
}

/// One line of `scores.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ItemScores {
    /// The item.
    pub id: ItemId,
    /// Its position in the items file.
    pub position: u32,
    /// In the order of the continuations.
    pub scores: Vec<ContinuationScore>,
    /// Length of the prompt in tokens.
    pub prompt_tokens: u32,
}

/// How likely one continuation is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContinuationScore {
    /// The continuation.
    pub text: String,
    /// Its length in tokens, without the token that ends the turn.
    pub tokens: u32,
    /// Natural logarithm of the probability of all its tokens after the prompt.
    pub log_probability: f64,
    /// The same with the end of the turn after it, by any token that ends one: the logarithm of the
    /// probability that this is the whole answer.
    pub log_probability_with_end: f64,
}

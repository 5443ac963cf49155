//! The job kind `reflect`: a strong model reads failures and proposes instructions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::version::{AnsweringModel, Prompt};

/// Name of the output file, one [`Proposal`] a line.
pub const PROPOSALS_FILE: &str = "proposals.jsonl";

/// Parameters of `reflect`. Its output is [`PROPOSALS_FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReflectParams {
    /// Who reflects.
    pub reflector: AnsweringModel,
    /// Prompts to better, each with what was answered under it.
    pub parents: Vec<Parent>,
    /// JSONL of the items that were answered ([`crate::data::Item`]).
    pub items: ArtifactRef,
    /// Proposals wanted of each parent; each reads other failures.
    pub proposals: u32,
    /// Most failures that one reflection reads.
    pub failures: u32,
    /// Most tokens of one reflection's answer.
    pub max_tokens: u32,
    /// Tokens, read and written, after which nothing more is asked.
    pub most_tokens: u64,
}

impl ReflectParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = self.reflector.artifacts();
        refs.push(&self.items);
        refs.extend(self.parents.iter().map(|parent| &parent.results));
        refs
    }
}

/// A prompt with what was answered under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parent {
    /// The prompt.
    pub prompt: Prompt,
    /// The results file of an evaluation ([`super::ItemResult`]).
    pub results: ArtifactRef,
}

/// Instructions that a reflection led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proposal {
    /// Whose failures were read: an index into [`ReflectParams::parents`].
    pub parent: u32,
    /// The new system message.
    pub system: String,
}

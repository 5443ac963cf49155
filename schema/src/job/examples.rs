//! The job kind `examples`: items become chats to learn from, in the very form in which the system is used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::version::SystemVersion;

/// Name of the output file with chats to train on ([`super::ChatExample`]).
pub const TRAIN_CHATS_FILE: &str = "train.jsonl";
/// Name of the output file with chats that only decide when to stop.
pub const DEV_CHATS_FILE: &str = "dev.jsonl";

/// Parameters of `examples`. Its outputs are [`TRAIN_CHATS_FILE`] and [`DEV_CHATS_FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExamplesParams {
    /// The version as it will answer after training: its prompt, passages and tools shape the chats.
    pub version: SystemVersion,
    /// JSONL of items to learn from, normally the train split.
    pub items: ArtifactRef,
    /// Share of the items, chosen by seed, in (0, 1]: for learning curves.
    pub share: f64,
    /// Share of the chosen items whose chats go to [`DEV_CHATS_FILE`], in [0, 1).
    pub held_out: f64,
    /// Chats made of each item with a gold passage: the passages as retrieved with the gold one put in where it is
    /// missing; from the second on with other distractors and the gold passage at another place.
    pub variants: u32,
    /// Passages that every second item has beyond what the version shows: who has learned to read among
    /// distractors can be shown more of them later. Nothing where the version shows none.
    #[serde(default)]
    pub distractors: u32,
    /// Results files of another version on these items ([`super::ItemResult`]): its right answers are learned in place
    /// of the data's, and items that it got wrong are left out. Empty: the data's answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<ArtifactRef>,
}

impl ExamplesParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = self.version.artifacts();
        refs.push(&self.items);
        refs.extend(&self.answers);
        refs
    }
}

//! Passages of documents that are shown before the question.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::job::EncoderFiles;

/// The place in a user message where passages are put. Without it they stand before the message.
pub const CONTEXT_PLACE: &str = "{{context}}";

/// How passages are found and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Retrieval {
    /// Where they come from.
    pub index: IndexBinding,
    /// How they are ranked.
    pub ranking: Ranking,
    /// How many are shown.
    pub k: u32,
    /// In which order they are shown.
    #[serde(default)]
    pub order: PassageOrder,
    /// When no passage fits, nothing is asked and this is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstain: Option<Abstain>,
}

impl Retrieval {
    /// All artifacts that retrieval reads with this ranking.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = vec![&self.index.chunks];
        if let (Ranking::Dense | Ranking::Hybrid, Some(dense)) = (self.ranking, &self.index.dense) {
            refs.push(&dense.vectors);
            refs.extend(dense.encoder.artifacts());
        }
        refs
    }
}

/// The files of an index; what the job kind `index` leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexBinding {
    /// JSONL of [`crate::document::Chunk`]s.
    pub chunks: ArtifactRef,
    /// Vectors of the chunks, for dense and hybrid ranking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dense: Option<DenseIndex>,
}

/// Vectors of chunks and the encoder that made them, which embeds the questions too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DenseIndex {
    /// Safetensors with `vectors`: one normalised row a chunk, in the order of the chunks.
    pub vectors: ArtifactRef,
    /// The encoder.
    pub encoder: EncoderFiles,
}

/// How chunks are ranked for a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ranking {
    /// Okapi BM25 over words.
    Lexical,
    /// Cosine of sentence vectors.
    Dense,
    /// Reciprocal rank fusion of both (k = 60; Cormack, Clarke and Buettcher 2009).
    Hybrid,
}

/// The order of passages in the prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassageOrder {
    /// The best first.
    #[default]
    BestFirst,
    /// The best next to the question.
    BestLast,
}

/// Saying that one does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Abstain {
    /// The score of the best passage below which the model is not asked: BM25 for lexical ranking, cosine for
    /// dense and hybrid.
    pub below: f64,
    /// The answer then.
    pub say: String,
}

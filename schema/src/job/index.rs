//! The job kind `index`: documents become chunks, and chunks vectors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::embed::EncoderFiles;
use crate::artifact::ArtifactRef;

/// Name of the output file with one [`crate::document::Chunk`] a line.
pub const CHUNKS_FILE: &str = "chunks.jsonl";

/// Parameters of `index`. Its outputs are [`CHUNKS_FILE`] and, with an encoder, [`super::VECTORS_FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IndexParams {
    /// A tar of the documents under their names ([`crate::document::Chunk::document`]).
    pub corpus: ArtifactRef,
    /// How documents are cut.
    pub chunking: Chunking,
    /// Who embeds the chunks; without it the index is lexical alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderFiles>,
}

impl IndexParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let encoder = self.encoder.iter().flat_map(EncoderFiles::artifacts);
        std::iter::once(&self.corpus).chain(encoder).collect()
    }

    /// Names of the files that the job leaves.
    pub fn outputs(&self) -> &'static [&'static str] {
        match self.encoder {
            Some(_) => &[CHUNKS_FILE, super::embed::VECTORS_FILE],
            None => &[CHUNKS_FILE],
        }
    }
}

/// How documents are cut. Cuts are made at headings first, then at paragraphs, then at sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chunking {
    /// Most words of a chunk's text.
    pub max_words: u32,
    /// Words that a chunk repeats of the one before it in the same section.
    #[serde(default)]
    pub overlap: u32,
}

//! The job kind `embed`: texts become vectors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;

/// Name of the output file.
pub const VECTORS_FILE: &str = "vectors.safetensors";

/// Parameters of `embed`. Its output is [`VECTORS_FILE`] with one tensor `vectors`,
/// `[lines, dimensions]` of 32-bit floats, each row of length 1, in the order of the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmbedParams {
    /// The sentence encoder.
    pub encoder: EncoderFiles,
    /// JSONL of [`TextLine`]s.
    pub texts: ArtifactRef,
}

impl EmbedParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = self.encoder.artifacts();
        refs.push(&self.texts);
        refs
    }
}

/// A sentence encoder in the layout of Hugging Face: a BERT whose token vectors are averaged and normalised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EncoderFiles {
    /// `model.safetensors`
    pub weights: ArtifactRef,
    /// `config.json`
    pub config: ArtifactRef,
    /// `tokenizer.json`
    pub tokenizer: ArtifactRef,
    /// `sentence_bert_config.json`: its `max_seq_length` says to how many tokens a text is cut. Without it,
    /// texts are cut to the positions that were trained (MiniLM: 256 with it, 512 without).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<ArtifactRef>,
}

impl EncoderFiles {
    /// All artifacts of the encoder.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let Self { weights, config, tokenizer, settings } = self;
        [weights, config, tokenizer].into_iter().chain(settings).collect()
    }
}

/// One line of the texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextLine {
    /// Names the text in messages.
    pub id: String,
    /// What is embedded. What exceeds the encoder's length is cut off; an empty text has a vector too.
    pub text: String,
}

//! Sizes of a Llama, checked before anything is allocated by them.

use serde::Deserialize;

use super::error::ModelError;
use super::rope_scaling::{RawScaling, RopeScaling};

/// Sizes above these are lies of a damaged header, not models for this runtime.
const MAX_HIDDEN: usize = 65_536;
const MAX_LAYERS: usize = 512;
const MAX_HEADS: usize = 1_024;
const MAX_VOCABULARY: usize = 2_000_000;
/// Width that the attention loops work in; every Llama's head size is a multiple of it.
pub(crate) const LANES: usize = 16;
/// The base where a file names none (Su et al. 2021).
pub(crate) const DEFAULT_ROPE_BASE: f32 = 10_000.0;

/// The sizes and constants of a Llama-family network.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Tokens that the embedding knows.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width inside the feed-forward block.
    pub intermediate: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Base of the rotary frequencies.
    pub rope_base: f32,
    /// Added to the mean square in the normalisation.
    pub norm_epsilon: f64,
    /// Positions that the model was made for.
    pub context: usize,
}

impl LlamaConfig {
    /// Width of the queries.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of the keys, and of the values.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Query heads that share a key head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Whether all matrices have the same shapes as the other network's, those of the vocabulary apart.
    pub(crate) fn same_shapes(&self, other: &Self) -> bool {
        let widths = |c: &Self| [c.layers, c.hidden, c.intermediate, c.heads, c.kv_heads, c.head_dim];
        widths(self) == widths(other)
    }

    /// The configuration itself, if its sizes are possible together.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        within("vocabulary size", self.vocabulary, MAX_VOCABULARY)?;
        within("hidden size", self.hidden, MAX_HIDDEN)?;
        within("intermediate size", self.intermediate, 4 * MAX_HIDDEN)?;
        within("layer count", self.layers, MAX_LAYERS)?;
        within("head count", self.heads, MAX_HEADS)?;
        within("key head count", self.kv_heads, self.heads)?;
        within("head size", self.head_dim, MAX_HIDDEN)?;
        within("context length", self.context, 1 << 24)?;
        divides("head count", self.heads, self.kv_heads)?;
        divides("head size", self.head_dim, LANES)?;
        positive("rotary base", f64::from(self.rope_base))?;
        positive("normalisation epsilon", self.norm_epsilon)?;
        Ok(self)
    }
}

/// What a Hugging Face `config.json` says.
#[derive(Debug)]
pub(crate) struct HuggingFaceConfig {
    pub(crate) llama: LlamaConfig,
    pub(crate) scaling: RopeScaling,
    /// Whether the head's weights are the embedding's.
    pub(crate) tied: bool,
}

impl HuggingFaceConfig {
    /// Reads and checks the text of `config.json`.
    pub(crate) fn parse(text: &str) -> Result<Self, ModelError> {
        let raw: RawConfig = serde_json::from_str(text)
            .map_err(|error| ModelError::Header { format: "config.json", reason: error.to_string() })?;
        raw.refuse_unsupported()?;
        let head_dim = match raw.head_dim {
            Some(size) => size,
            None => raw.hidden_size / raw.num_attention_heads.max(1),
        };
        // Newer files hold base and scaling together, under another name.
        let rope = raw.rope_parameters.or(raw.rope_scaling).unwrap_or_default();
        let llama = LlamaConfig {
            vocabulary: raw.vocab_size,
            hidden: raw.hidden_size,
            intermediate: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            kv_heads: raw.num_key_value_heads.unwrap_or(raw.num_attention_heads),
            head_dim,
            rope_base: rope.rope_theta.or(raw.rope_theta).unwrap_or(DEFAULT_ROPE_BASE),
            norm_epsilon: raw.rms_norm_eps,
            context: raw.max_position_embeddings,
        };
        Ok(Self { llama: llama.checked()?, scaling: rope.parse()?, tied: raw.tie_word_embeddings })
    }
}

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
struct RawConfig {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rope_theta: Option<f32>,
    rms_norm_eps: f64,
    max_position_embeddings: usize,
    rope_scaling: Option<RawScaling>,
    rope_parameters: Option<RawScaling>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    quantization_config: Option<serde_json::Value>,
}

impl RawConfig {
    fn refuse_unsupported(&self) -> Result<(), ModelError> {
        if self.model_type != "llama" {
            return Err(ModelError::Architecture { found: self.model_type.clone() });
        }
        if self.quantization_config.is_some() {
            return Err(field("quantization_config", "set", "nothing: only float weights are read"));
        }
        if self.attention_bias || self.mlp_bias {
            return Err(field("attention_bias or mlp_bias", true, "false"));
        }
        Ok(())
    }
}

/// The error for a field with a wrong value.
pub(crate) fn field(key: &str, found: impl ToString, expected: impl ToString) -> ModelError {
    ModelError::Field { key: key.to_owned(), found: found.to_string(), expected: expected.to_string() }
}

fn within(key: &str, value: usize, limit: usize) -> Result<(), ModelError> {
    match value {
        0 => Err(field(key, 0, format!("1 to {limit}"))),
        _ if value > limit => Err(field(key, value, format!("1 to {limit}"))),
        _ => Ok(()),
    }
}

fn divides(key: &str, value: usize, part: usize) -> Result<(), ModelError> {
    if value.is_multiple_of(part) {
        return Ok(());
    }
    Err(field(key, value, format!("a multiple of {part}")))
}

fn positive(key: &str, value: f64) -> Result<(), ModelError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(field(key, value, "a positive number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMOL: &str = r#"{"model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,
        "num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3,"rms_norm_eps":1e-5,
        "rope_theta":100000,"max_position_embeddings":8192}"#;

    #[test]
    fn head_size_follows_from_the_width() {
        let config = HuggingFaceConfig::parse(SMOL).unwrap().llama;
        assert_eq!((config.head_dim, config.group()), (64, 3));
    }

    #[test]
    fn impossible_configurations_are_refused_in_words() {
        let check = |from: &str, to: &str, expected: &str| {
            let error = HuggingFaceConfig::parse(&SMOL.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("\"llama\"", "\"qwen2\"", "`qwen2`; expected `llama`");
        check("\"num_key_value_heads\":3", "\"num_key_value_heads\":2", "a multiple of 2");
        check("\"num_hidden_layers\":30", "\"num_hidden_layers\":0", "1 to 512");
        check("\"hidden_size\":576", "\"hidden_size\":577000", "1 to 65536");
        check("\"rms_norm_eps\":1e-5", "\"rms_norm_eps\":-1", "a positive number");
        check(
            "\"rope_theta\"",
            "\"rope_scaling\":{\"factor\":8},\"rope_theta\"",
            "default, linear or llama3",
        );
        check("\"rope_theta\"", "\"quantization_config\":{},\"rope_theta\"", "only float weights");
    }

    #[test]
    fn base_and_scaling_are_read_under_the_old_and_the_new_name() {
        let parse = |from: &str, to: &str| HuggingFaceConfig::parse(&SMOL.replace(from, to)).unwrap();
        let old = parse("100000", "10,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}");
        let new = parse(
            "\"rope_theta\":100000",
            "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2,\"rope_theta\":10}",
        );
        for config in [old, new] {
            assert_eq!((config.llama.rope_base, config.scaling), (10.0, RopeScaling::Linear { factor: 2.0 }));
        }
    }
}

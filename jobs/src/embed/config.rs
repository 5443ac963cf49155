//! Sizes of a BERT, checked before anything is allocated by them.

use serde::Deserialize;

use super::error::EmbedError;

/// Sizes above these are lies of a damaged file, not encoders for this runtime.
const MAX_HIDDEN: usize = 16_384;
const MAX_LAYERS: usize = 256;
const MAX_VOCABULARY: usize = 2_000_000;
const MAX_POSITIONS: usize = 32_768;
/// Width that the attention loops work in; every BERT's head size is a multiple of it.
const LANES: usize = 16;
/// Room for the two marks around a text, and one token of it.
const LEAST_TOKENS: usize = 3;

/// The sizes and constants of a BERT.
#[derive(Debug, Clone, PartialEq)]
pub struct BertConfig {
    /// Tokens that the embedding knows.
    pub vocabulary: usize,
    /// Width of a token's vector, and of a text's.
    pub hidden: usize,
    /// Width inside the feed-forward block.
    pub intermediate: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Positions that were trained.
    pub positions: usize,
    /// Kinds of segments that were trained; a text is of the first.
    pub segments: usize,
    /// Added to the variance in the normalisation.
    pub norm_epsilon: f32,
}

/// The fields of `config.json` that matter here.
#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    #[serde(default)]
    is_decoder: bool,
}

fn absolute() -> String {
    "absolute".to_owned()
}

/// Read first: other networks name their sizes differently, and their kind is the better message.
#[derive(Deserialize)]
struct Kind {
    model_type: String,
}

impl BertConfig {
    /// Width of one head.
    pub fn head_dim(&self) -> usize {
        self.hidden / self.heads
    }

    /// Reads the text of a Hugging Face `config.json`.
    pub(crate) fn from_json(text: &str) -> Result<Self, EmbedError> {
        let malformed = |error: serde_json::Error| malformed("config.json", error);
        let kind: Kind = serde_json::from_str(text).map_err(malformed)?;
        if kind.model_type != "bert" {
            return Err(EmbedError::Architecture { found: kind.model_type });
        }
        let raw: RawConfig = serde_json::from_str(text).map_err(malformed)?;
        raw.refuse_unsupported()?;
        let config = Self {
            vocabulary: within("vocab_size", raw.vocab_size, MAX_VOCABULARY)?,
            hidden: within("hidden_size", raw.hidden_size, MAX_HIDDEN)?,
            intermediate: within("intermediate_size", raw.intermediate_size, 4 * MAX_HIDDEN)?,
            layers: within("num_hidden_layers", raw.num_hidden_layers, MAX_LAYERS)?,
            heads: within("num_attention_heads", raw.num_attention_heads, raw.hidden_size)?,
            positions: within("max_position_embeddings", raw.max_position_embeddings, MAX_POSITIONS)?,
            segments: within("type_vocab_size", raw.type_vocab_size, MAX_HIDDEN)?,
            norm_epsilon: raw.layer_norm_eps as f32,
        };
        config.check_heads()?;
        Ok(config)
    }

    fn check_heads(&self) -> Result<(), EmbedError> {
        if self.hidden.is_multiple_of(self.heads) && self.head_dim().is_multiple_of(LANES) {
            return Ok(());
        }
        let expected = format!("{LANES} or a multiple of it for each of the {} heads", self.heads);
        Err(field("hidden_size", self.hidden, expected))
    }

    /// Most tokens of one text, with the marks around it. `settings` is the text of
    /// `sentence_bert_config.json`; without it, or without a length in it, the trained positions count.
    pub(crate) fn max_tokens(&self, settings: Option<&str>) -> Result<usize, EmbedError> {
        #[derive(Deserialize)]
        struct Settings {
            max_seq_length: Option<usize>,
        }
        let parse = |text| serde_json::from_str::<Settings>(text);
        let settings = settings.map(parse).transpose();
        let settings = settings.map_err(|error| malformed("sentence_bert_config.json", error))?;
        let limit = settings.and_then(|settings| settings.max_seq_length).unwrap_or(self.positions);
        if (LEAST_TOKENS..=self.positions).contains(&limit) {
            return Ok(limit);
        }
        Err(field("max_seq_length", limit, format!("{LEAST_TOKENS} to {}", self.positions)))
    }
}

impl RawConfig {
    fn refuse_unsupported(&self) -> Result<(), EmbedError> {
        if self.hidden_act != "gelu" {
            return Err(field("hidden_act", &self.hidden_act, "gelu"));
        }
        if self.position_embedding_type != "absolute" {
            return Err(field("position_embedding_type", &self.position_embedding_type, "absolute"));
        }
        if self.is_decoder {
            return Err(field("is_decoder", true, "false: an encoder sees a text from both sides"));
        }
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0) {
            return Err(field("layer_norm_eps", self.layer_norm_eps, "a positive number"));
        }
        Ok(())
    }
}

/// The error for a setting with a wrong value.
pub(crate) fn field(key: &'static str, found: impl ToString, expected: impl ToString) -> EmbedError {
    EmbedError::Field { key, found: found.to_string(), expected: expected.to_string() }
}

/// The error for a file that does not parse.
pub(crate) fn malformed(file: &'static str, reason: impl ToString) -> EmbedError {
    EmbedError::Malformed { file, reason: reason.to_string() }
}

fn within(key: &'static str, value: usize, limit: usize) -> Result<usize, EmbedError> {
    match (1..=limit).contains(&value) {
        true => Ok(value),
        false => Err(field(key, value, format!("1 to {limit}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINILM: &str = r#"{"model_type":"bert","vocab_size":30522,"hidden_size":384,"intermediate_size":1536,
        "num_hidden_layers":6,"num_attention_heads":12,"max_position_embeddings":512,"type_vocab_size":2,
        "layer_norm_eps":1e-12,"hidden_act":"gelu"}"#;

    #[test]
    fn length_is_the_settings_or_the_trained_positions() {
        let config = BertConfig::from_json(MINILM).unwrap();
        assert_eq!(config.head_dim(), 32);
        assert_eq!(config.max_tokens(None).unwrap(), 512);
        assert_eq!(config.max_tokens(Some(r#"{"max_seq_length":null}"#)).unwrap(), 512);
        assert_eq!(config.max_tokens(Some(r#"{"max_seq_length":256,"do_lower_case":false}"#)).unwrap(), 256);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let config = BertConfig::from_json(MINILM).unwrap();
        let check = |settings: &str, expected: &str| {
            let error = config.max_tokens(Some(settings)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(r#"{"max_seq_length":513}"#, "`max_seq_length` is 513; expected 3 to 512");
        check(r#"{"max_seq_length":2}"#, "is 2; expected 3 to 512");
        check("{", "the sentence_bert_config.json is malformed");
    }

    #[test]
    fn impossible_configurations_are_refused_in_words() {
        let check = |from: &str, to: &str, expected: &str| {
            let error = BertConfig::from_json(&MINILM.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("\"bert\"", "\"roberta\"", "`model_type` is `roberta`; expected `bert`");
        check("\"gelu\"", "\"relu\"", "`hidden_act` is relu; expected gelu");
        check(
            "\"num_hidden_layers\":6",
            "\"num_hidden_layers\":0",
            "`num_hidden_layers` is 0; expected 1 to 256",
        );
        check("\"num_attention_heads\":12", "\"num_attention_heads\":7", "for each of the 7 heads");
        check("\"num_attention_heads\":12", "\"num_attention_heads\":48", "16 or a multiple of it");
        check("\"vocab_size\":30522", "\"vocab_size\":-1", "config.json is malformed");
        check("1e-12", "0", "`layer_norm_eps` is 0; expected a positive number");
        check("\"hidden_act\"", "\"is_decoder\":true,\"hidden_act\"", "`is_decoder` is true");
        check(
            "\"hidden_act\"",
            "\"position_embedding_type\":\"relative_key\",\"hidden_act\"",
            "`position_embedding_type` is relative_key; expected absolute",
        );
        check("\"model_type\":\"bert\",", "", "missing field `model_type`");
    }
}

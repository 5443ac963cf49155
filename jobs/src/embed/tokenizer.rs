//! Text to tokens, with the marks around it and cut to the encoder's length.

use rayon::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use super::config::{BertConfig, field};
use super::error::EmbedError;

/// The tokenizer of a sentence encoder.
#[derive(Debug, Clone)]
pub(crate) struct SentenceTokenizer(Tokenizer);

impl SentenceTokenizer {
    /// Reads `tokenizer.json`. The file may pad and cut every text to one length, as the training did: both
    /// are switched off, and texts are cut to `max_tokens` with the marks around them.
    pub(crate) fn from_json(json: &[u8], config: &BertConfig, max_tokens: usize) -> Result<Self, EmbedError> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(broken)?;
        let last = tokenizer.get_vocab(true).into_values().max().unwrap_or(0) as usize;
        if last >= config.vocabulary {
            return Err(field(
                "vocab_size",
                config.vocabulary,
                format!("over {last}, the tokenizer's last token"),
            ));
        }
        tokenizer.with_padding(None);
        let cut = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(cut)).map_err(broken)?;
        Ok(Self(tokenizer))
    }

    /// The tokens of each text, in the texts' order, at least one each.
    pub(crate) fn encode<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Vec<u32>>, EmbedError> {
        texts.par_iter().map(|text| self.encode_one(text.as_ref())).collect()
    }

    fn encode_one(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let encoding = self.0.encode_fast(text, true).map_err(broken)?;
        match encoding.get_ids() {
            [] => Err(broken("a text gave no tokens, not even marks around it")),
            tokens => Ok(tokens.to_vec()),
        }
    }
}

fn broken(error: impl ToString) -> EmbedError {
    EmbedError::Tokenizer(error.to_string())
}

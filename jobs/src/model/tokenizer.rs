//! Text to tokens and back, exactly as the model was trained.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{AddedToken, Tokenizer};

use super::config::field;
use super::error::ModelError;
use super::gguf::Metadata;

/// How Llama 3 cuts text before merging (its published `tokenizer.json`).
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// How Qwen 2 cuts text before merging (its published `tokenizer.json`).
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Names under which chat models mark the end of a turn.
const TURN_ENDS: [&str; 4] = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>"];

/// A tokenizer that knows which tokens end a turn. A clone shares its vocabulary.
#[derive(Debug, Clone)]
pub struct ChatTokenizer {
    tokenizer: Arc<Tokenizer>,
    ends: BTreeSet<u32>,
    /// Tokens that are cut out of a text before all others.
    special: BTreeSet<u32>,
}

impl ChatTokenizer {
    /// Builds the tokenizer that a GGUF header describes.
    pub(crate) fn from_gguf(metadata: &Metadata<'_>) -> Result<Self, ModelError> {
        let kind = metadata.text("tokenizer.ggml.model")?;
        if kind != "gpt2" {
            return Err(field("tokenizer.ggml.model", kind, "gpt2 (byte-level pairs)"));
        }
        let tokens = metadata.texts("tokenizer.ggml.tokens")?;
        let mut tokenizer = Tokenizer::new(byte_pairs(metadata, &tokens)?);
        let cut = pre_tokenizer(metadata.text("tokenizer.ggml.pre")?)?;
        tokenizer.with_pre_tokenizer(Some(cut));
        tokenizer.with_decoder(Some(ByteLevelDecoder::new(false, false, false)));
        add_marked(&mut tokenizer, metadata, &tokens)?;
        let named = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
        let ends = named.iter().filter_map(|key| metadata.optional(key)).map(|id| id as u32);
        Ok(Self::new(tokenizer, ends.collect()))
    }

    /// Reads Hugging Face's `tokenizer.json`. `ends` are the end tokens that the model's configuration names.
    pub(crate) fn from_json(json: &[u8], ends: BTreeSet<u32>) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::from_bytes(json).map_err(broken)?;
        Ok(Self::new(tokenizer, ends))
    }

    fn new(tokenizer: Tokenizer, mut ends: BTreeSet<u32>) -> Self {
        let marked = tokenizer.get_added_tokens_decoder();
        let is_end = |token: &AddedToken| TURN_ENDS.contains(&token.content.as_str());
        ends.extend(marked.iter().filter(|(_, token)| is_end(token)).map(|(id, _)| *id));
        let special = marked.into_iter().filter(|(_, token)| token.special).map(|(id, _)| id).collect();
        Self { tokenizer: Arc::new(tokenizer), ends, special }
    }

    /// The tokens of a text in which the model's special tokens may be written out.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(broken)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of these tokens, without special tokens.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, ModelError> {
        self.tokenizer.decode(tokens, true).map_err(broken)
    }

    /// Whether this token ends the assistant's turn.
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The tokens that end the assistant's turn.
    pub(crate) fn ends(&self) -> impl Iterator<Item = u32> {
        self.ends.iter().copied()
    }

    /// Whether this token stands for no text but marks something, such as a turn.
    pub(crate) fn is_special(&self, token: u32) -> bool {
        self.special.contains(&token)
    }

    /// How a token is written in the vocabulary.
    pub fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }
}

fn byte_pairs(metadata: &Metadata<'_>, tokens: &[&str]) -> Result<BPE, ModelError> {
    let numbered = tokens.iter().enumerate();
    let vocabulary: Vocab = numbered.map(|(id, token)| ((*token).to_owned(), id as u32)).collect();
    let mut merges = Vec::new();
    for merge in metadata.texts("tokenizer.ggml.merges")? {
        let wrong = || field("tokenizer.ggml.merges", merge, "two tokens with a space between");
        let (left, right) = merge.split_once(' ').ok_or_else(wrong)?;
        merges.push((left.to_owned(), right.to_owned()));
    }
    let ignore = metadata.flag("tokenizer.ggml.ignore_merges").unwrap_or(false);
    let builder = BPE::builder().vocab_and_merges(vocabulary, merges).ignore_merges(ignore);
    builder.build().map_err(broken)
}

/// How text is cut before pairs are merged. An unknown name is refused: a near miss gives other tokens
/// than the model was trained on, and no error.
fn pre_tokenizer(name: &str) -> Result<PreTokenizerWrapper, ModelError> {
    let bytes = |split: bool| PreTokenizerWrapper::from(ByteLevel::new(false, true, split));
    let cut = match name {
        "smollm" => vec![Digits::new(true).into(), bytes(true)],
        "gpt-2" | "gpt2" => return Ok(bytes(true)),
        "llama-bpe" | "llama3" => vec![split(LLAMA3)?, bytes(false)],
        "qwen2" => vec![split(QWEN2)?, bytes(false)],
        _ => {
            return Err(field("tokenizer.ggml.pre", name, "smollm, gpt-2, llama-bpe or qwen2"));
        }
    };
    Ok(Sequence::new(cut).into())
}

fn split(pattern: &str) -> Result<PreTokenizerWrapper, ModelError> {
    let pattern = SplitPattern::Regex(pattern.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(broken)?;
    Ok(split.into())
}

/// Marks control tokens as special and user-defined ones as whole words, by llama.cpp's token types.
fn add_marked(tokenizer: &mut Tokenizer, metadata: &Metadata<'_>, tokens: &[&str]) -> Result<(), ModelError> {
    const UNKNOWN: i64 = 2;
    const CONTROL: i64 = 3;
    const USER_DEFINED: i64 = 4;
    let kinds = metadata.numbers("tokenizer.ggml.token_type");
    let of = |wanted: &[i64], special: bool| -> Vec<AddedToken> {
        let marked = tokens.iter().zip(&kinds).filter(|(_, kind)| wanted.contains(kind));
        marked.map(|(token, _)| AddedToken::from((*token).to_owned(), special).normalized(false)).collect()
    };
    tokenizer.add_special_tokens(of(&[UNKNOWN, CONTROL], true)).map_err(broken)?;
    tokenizer.add_tokens(of(&[USER_DEFINED], false)).map_err(broken)?;
    Ok(())
}

fn broken(error: impl ToString) -> ModelError {
    ModelError::Tokenizer(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_pre_tokenizer_is_refused_by_name() {
        let error = pre_tokenizer("tekken").unwrap_err().to_string();
        assert!(error.contains("`tokenizer.ggml.pre` is tekken; expected smollm"), "{error}");
    }

    #[test]
    fn published_patterns_compile() {
        for name in ["smollm", "gpt-2", "llama-bpe", "qwen2"] {
            assert!(pre_tokenizer(name).is_ok(), "{name}");
        }
    }
}

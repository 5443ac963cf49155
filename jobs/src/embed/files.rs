//! Finds what belongs to an encoder on disk and loads it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config::{BertConfig, field, malformed};
use super::encoder::SentenceEncoder;
use super::error::EmbedError;
use super::tokenizer::SentenceTokenizer;
use super::weights::read_bert;

/// Where the files of an encoder lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderPaths {
    /// `model.safetensors`
    pub weights: PathBuf,
    /// `config.json`
    pub config: PathBuf,
    /// `tokenizer.json`
    pub tokenizer: PathBuf,
    /// `sentence_bert_config.json`, which says to how many tokens a text is cut; without it the texts are cut
    /// to the trained positions.
    pub settings: Option<PathBuf>,
}

impl EncoderPaths {
    /// The files of a folder in the layout of sentence-transformers.
    pub fn in_folder(folder: &Path) -> Self {
        let settings = folder.join("sentence_bert_config.json");
        Self {
            weights: folder.join("model.safetensors"),
            config: folder.join("config.json"),
            tokenizer: folder.join("tokenizer.json"),
            settings: settings.exists().then_some(settings),
        }
    }
}

impl SentenceEncoder {
    /// Loads an encoder from its files. That its token vectors are averaged is taken for granted.
    ///
    /// # Errors
    /// Says which file, key or tensor is wrong, and what was expected. Damaged files never panic.
    pub fn load(paths: &EncoderPaths) -> Result<Self, EmbedError> {
        let config = BertConfig::from_json(&read_text(&paths.config)?)?;
        let settings = paths.settings.as_deref().map(read_text).transpose()?;
        let max_tokens = config.max_tokens(settings.as_deref())?;
        let (tokenizer, bert) = rayon::join(
            || SentenceTokenizer::from_json(&read(&paths.tokenizer)?, &config, max_tokens),
            || read_bert(read(&paths.weights)?, config.clone()),
        );
        let tokenizer = tokenizer?;
        Ok(Self::new(bert?, tokenizer))
    }

    /// Loads a folder in the layout of sentence-transformers, and refuses one whose encoder does not average
    /// its token vectors.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_folder(folder: &Path) -> Result<Self, EmbedError> {
        check_pooling(&folder.join("1_Pooling").join("config.json"))?;
        Self::load(&EncoderPaths::in_folder(folder))
    }
}

/// A folder without this file is a plain BERT, which is averaged.
fn check_pooling(path: &Path) -> Result<(), EmbedError> {
    #[derive(Deserialize)]
    struct Pooling {
        pooling_mode_mean_tokens: bool,
    }
    if !path.exists() {
        return Ok(());
    }
    let pooling: Pooling =
        serde_json::from_str(&read_text(path)?).map_err(|error| malformed("1_Pooling/config.json", error))?;
    match pooling.pooling_mode_mean_tokens {
        true => Ok(()),
        false => Err(field("pooling_mode_mean_tokens", false, "true: only averages are supported")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EmbedError> {
    std::fs::read(path).map_err(|source| EmbedError::Read { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, EmbedError> {
    std::fs::read_to_string(path).map_err(|source| EmbedError::Read { path: path.to_owned(), source })
}

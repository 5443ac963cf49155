//! Finds what belongs to a model on disk and loads it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::chat::ChatTemplate;
use super::error::ModelError;
use super::gguf::GgufFile;
use super::llama::Llama;
use super::safetensors::SafetensorsFile;
use super::tokenizer::ChatTokenizer;
use super::weights::assemble;

/// Weights, tokenizer and chat template of one model.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    /// The network.
    pub llama: Llama,
    /// Text to tokens.
    pub tokenizer: ChatTokenizer,
    /// Messages to text.
    pub chat: ChatTemplate,
}

/// Loads a model: a GGUF file, a folder in Hugging Face's layout, or a safetensors file in such a folder.
///
/// # Errors
/// Says which file, key or tensor is wrong, and what was expected. Damaged files never panic.
pub fn load(path: &Path) -> Result<LoadedModel, ModelError> {
    if path.is_dir() {
        return from_folder(path, &path.join("model.safetensors"));
    }
    let bytes = read(path)?;
    if bytes.starts_with(b"GGUF") {
        return from_gguf(bytes);
    }
    let looks_like_json = bytes.get(8) == Some(&b'{');
    match path.parent() {
        Some(folder) if looks_like_json => from_folder(folder, path),
        _ => Err(ModelError::Header {
            format: "weights",
            reason: "it is neither GGUF nor safetensors".to_owned(),
        }),
    }
}

fn from_gguf(bytes: Vec<u8>) -> Result<LoadedModel, ModelError> {
    let file = GgufFile::parse(bytes)?;
    let (tokenizer, llama) = rayon::join(|| ChatTokenizer::from_gguf(&file.metadata()), || assemble(&file));
    let (tokenizer, llama) = (tokenizer?, llama?);
    let metadata = file.metadata();
    let special =
        |key: &str| metadata.optional(key).and_then(|id| tokenizer.token(id as u32)).unwrap_or_default();
    let (bos, eos) = (special("tokenizer.ggml.bos_token_id"), special("tokenizer.ggml.eos_token_id"));
    let chat = ChatTemplate::new(metadata.text("tokenizer.chat_template")?, &bos, &eos)?;
    Ok(LoadedModel { llama, tokenizer, chat })
}

fn from_folder(folder: &Path, weights: &Path) -> Result<LoadedModel, ModelError> {
    let config = read_text(&folder.join("config.json"))?;
    let settings = read_json(&folder.join("tokenizer_config.json"))?;
    let tokenizer = ChatTokenizer::from_json(&read(&folder.join("tokenizer.json"))?, end_tokens(&config))?;
    let template = chat_template(folder, &settings)?;
    let (bos, eos) = (special_text(&settings["bos_token"]), special_text(&settings["eos_token"]));
    let chat = ChatTemplate::new(&template, &bos, &eos)?;
    let llama = assemble(&SafetensorsFile::parse(read(weights)?, &config)?)?;
    Ok(LoadedModel { llama, tokenizer, chat })
}

/// `eos_token_id` of `config.json`: a number or a list.
fn end_tokens(config: &str) -> BTreeSet<u32> {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let number = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match &config["eos_token_id"] {
        Value::Array(ids) => ids.iter().filter_map(number).collect(),
        id => number(id).into_iter().collect(),
    }
}

/// A special token is a text, or an object with the text in `content`.
fn special_text(value: &Value) -> String {
    value.as_str().or_else(|| value["content"].as_str()).unwrap_or_default().to_owned()
}

fn chat_template(folder: &Path, settings: &Value) -> Result<String, ModelError> {
    match settings["chat_template"].as_str() {
        Some(template) => Ok(template.to_owned()),
        None => read_text(&folder.join("chat_template.jinja")),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| ModelError::Read { path: PathBuf::from(path), source })
}

fn read_text(path: &Path) -> Result<String, ModelError> {
    std::fs::read_to_string(path).map_err(|source| ModelError::Read { path: PathBuf::from(path), source })
}

fn read_json(path: &Path) -> Result<Value, ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = read_text(path)?;
    serde_json::from_str(&text)
        .map_err(|error| ModelError::Header { format: "JSON", reason: format!("`{name}`: {error}") })
}

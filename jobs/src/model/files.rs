//! Finds what belongs to a model on disk and loads it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use serde_json::Value;

use super::adapter::{Adapter, AdapterBase};
use super::chat::ChatTemplate;
use super::device::DeviceChoice;
use super::error::ModelError;
use super::gguf::GgufFile;
use super::linear::Precision;
use super::llama::Llama;
use super::safetensors::SafetensorsModel;
use super::tokenizer::ChatTokenizer;
use super::weights::assemble;

const WEIGHTS: &str = "model.safetensors";
/// Says which file holds which tensor, where weights are cut into several files.
const INDEX: &str = "model.safetensors.index.json";

/// Weights, tokenizer and chat template of one model.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    /// The network.
    pub llama: Llama,
    /// Text to tokens.
    pub tokenizer: ChatTokenizer,
    /// Messages to text.
    pub chat: ChatTemplate,
    /// What [`crate::model::generate`] stacks onto the network. Clones of the model share its weights, so one
    /// process can hold a clone for each adapter.
    pub adapter: Option<Arc<Adapter>>,
}

impl LoadedModel {
    /// The same weights under an adapter, or none.
    pub fn with_adapter(self, adapter: Option<Arc<Adapter>>) -> Self {
        Self { adapter, ..self }
    }

    /// The same model with its network and its adapter on this device (see [`Llama::onto`]).
    ///
    /// # Errors
    /// The network is on a device already, or the device's memory is too small.
    pub fn onto(self, device: &Device) -> Result<Self, ModelError> {
        let adapter = self.adapter.as_deref().map(|adapter| adapter.onto(device)).transpose()?;
        Ok(Self { llama: self.llama.onto(device)?, adapter: adapter.map(Arc::new), ..self })
    }

    /// Loads an adapter in PEFT's layout for these weights. `name` is the model's: an adapter that names
    /// another base is refused.
    ///
    /// # Errors
    /// As [`Adapter::load`].
    pub fn load_adapter(
        &self,
        config: &Path,
        weights: &Path,
        name: &str,
    ) -> Result<Arc<Adapter>, ModelError> {
        let base = AdapterBase { config: self.llama.config(), name };
        let adapter = Adapter::load(config, weights, base)?;
        Ok(Arc::new(adapter.onto(self.llama.device())?))
    }
}

/// How a model is loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// How matrices are kept in memory, whatever the file has.
    pub weights: Precision,
    /// Where they lie.
    pub device: DeviceChoice,
}

/// Where a model's files lie.
#[derive(Debug, Clone, Default)]
pub struct ModelFiles {
    /// A GGUF file, a safetensors file, or a folder in Hugging Face's layout.
    pub weights: PathBuf,
    /// Files beside a safetensors file, by the names that they have in Hugging Face's layout: `config.json`,
    /// `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja`, further shards of the weights. Where
    /// this is empty they are looked for in the folder of the weights.
    pub files: BTreeMap<String, PathBuf>,
}

/// Loads a model as 32-bit floats: a GGUF file, a folder in Hugging Face's layout, or a safetensors file in
/// such a folder.
///
/// # Errors
/// As [`load_with`].
pub fn load(path: &Path) -> Result<LoadedModel, ModelError> {
    let files = ModelFiles { weights: path.to_owned(), files: BTreeMap::new() };
    load_with(&files, LoadOptions::default())
}

/// Loads a model.
///
/// # Errors
/// Says which file, key or tensor is wrong, and what was expected. Damaged files never panic. A device that
/// cannot be used is refused before anything is read.
pub fn load_with(files: &ModelFiles, options: LoadOptions) -> Result<LoadedModel, ModelError> {
    let device = options.device.open()?;
    let model = load_host(files, options)?;
    match device {
        None => Ok(model),
        Some(device) => model.onto(&device),
    }
}

fn load_host(files: &ModelFiles, options: LoadOptions) -> Result<LoadedModel, ModelError> {
    let path = &files.weights;
    if path.is_dir() {
        return from_parts(files, shards_of_folder(path)?, options);
    }
    let bytes = read(path)?;
    if bytes.starts_with(b"GGUF") {
        return from_gguf(bytes, options);
    }
    if bytes.get(8) != Some(&b'{') {
        let reason = "it is neither GGUF nor safetensors".to_owned();
        return Err(ModelError::Header { format: "weights", reason });
    }
    let mut shards = vec![bytes];
    for path in files.other_shards()? {
        shards.push(read(&path)?);
    }
    from_parts(files, shards, options)
}

pub(crate) fn from_gguf(bytes: Vec<u8>, options: LoadOptions) -> Result<LoadedModel, ModelError> {
    let file = GgufFile::parse(bytes)?;
    let (tokenizer, llama) =
        rayon::join(|| ChatTokenizer::from_gguf(&file.metadata()), || assemble(&file, options.weights));
    let (tokenizer, llama) = (tokenizer?, llama?);
    let metadata = file.metadata();
    let special =
        |key: &str| metadata.optional(key).and_then(|id| tokenizer.token(id as u32)).unwrap_or_default();
    let (bos, eos) = (special("tokenizer.ggml.bos_token_id"), special("tokenizer.ggml.eos_token_id"));
    let chat = ChatTemplate::new(metadata.text("tokenizer.chat_template")?, &bos, &eos)?;
    Ok(LoadedModel { llama, tokenizer, chat, adapter: None })
}

fn from_parts(
    files: &ModelFiles,
    shards: Vec<Vec<u8>>,
    options: LoadOptions,
) -> Result<LoadedModel, ModelError> {
    let config = read_text(&files.find("config.json")?)?;
    let settings = read_json(&files.find("tokenizer_config.json")?)?;
    let tokenizer = ChatTokenizer::from_json(&read(&files.find("tokenizer.json")?)?, end_tokens(&config))?;
    let template = chat_template(files, &settings)?;
    let (bos, eos) = (special_text(&settings["bos_token"]), special_text(&settings["eos_token"]));
    let chat = ChatTemplate::new(&template, &bos, &eos)?;
    let llama = assemble(&SafetensorsModel::parse(shards, &config)?, options.weights)?;
    Ok(LoadedModel { llama, tokenizer, chat, adapter: None })
}

impl ModelFiles {
    fn find(&self, name: &'static str) -> Result<PathBuf, ModelError> {
        if !self.files.is_empty() {
            return self.files.get(name).cloned().ok_or(ModelError::MissingFile { name });
        }
        Ok(self.folder().join(name))
    }

    fn folder(&self) -> &Path {
        match self.weights.is_dir() {
            true => &self.weights,
            false => self.weights.parent().unwrap_or(Path::new("")),
        }
    }

    /// The files that hold the rest of the weights.
    fn other_shards(&self) -> Result<Vec<PathBuf>, ModelError> {
        if !self.files.is_empty() {
            let others = self
                .files
                .iter()
                .filter(|(name, path)| name.ends_with(".safetensors") && **path != self.weights);
            return Ok(others.map(|(_, path)| path.clone()).collect());
        }
        let index = self.folder().join(INDEX);
        let own = self.weights.file_name().unwrap_or_default();
        if own == WEIGHTS || !index.exists() {
            return Ok(Vec::new());
        }
        let mut names = shard_names(&index)?;
        match names.remove(&*own.to_string_lossy()) {
            true => Ok(names.into_iter().map(|name| self.folder().join(name)).collect()),
            false => Ok(Vec::new()),
        }
    }
}

fn shards_of_folder(folder: &Path) -> Result<Vec<Vec<u8>>, ModelError> {
    let (whole, index) = (folder.join(WEIGHTS), folder.join(INDEX));
    if whole.exists() || !index.exists() {
        return Ok(vec![read(&whole)?]);
    }
    shard_names(&index)?.iter().map(|name| read(&folder.join(name))).collect()
}

/// The names of the files that an index speaks of. A name that leads elsewhere is refused.
fn shard_names(index: &Path) -> Result<BTreeSet<String>, ModelError> {
    let index = read_json(index)?;
    let malformed = |reason: String| ModelError::Header { format: INDEX, reason };
    let Some(map) = index["weight_map"].as_object() else {
        return Err(malformed("it has no `weight_map`".to_owned()));
    };
    let mut names = BTreeSet::new();
    for name in map.values() {
        match name.as_str() {
            Some(name) if Path::new(name).file_name() == Some(name.as_ref()) => names.insert(name.to_owned()),
            _ => return Err(malformed(format!("{name} is no file name"))),
        };
    }
    Ok(names)
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

/// The template in its own file goes before the one among the tokenizer's settings, as in Hugging Face's reader.
fn chat_template(files: &ModelFiles, settings: &Value) -> Result<String, ModelError> {
    let own = files.find("chat_template.jinja");
    if let Some(path) = own.as_ref().ok().filter(|path| path.exists()) {
        return read_text(path);
    }
    let named_default = |list: &Vec<Value>| {
        let default = list.iter().find(|entry| entry["name"] == "default")?;
        default["template"].as_str().map(str::to_owned)
    };
    match &settings["chat_template"] {
        Value::String(template) => Ok(template.clone()),
        Value::Array(list) => {
            named_default(list).ok_or(ModelError::MissingFile { name: "chat_template.jinja" })
        }
        _ => read_text(&own?),
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| ModelError::Read { path: PathBuf::from(path), source })
}

pub(crate) fn read_text(path: &Path) -> Result<String, ModelError> {
    std::fs::read_to_string(path).map_err(|source| ModelError::Read { path: PathBuf::from(path), source })
}

fn read_json(path: &Path) -> Result<Value, ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = read_text(path)?;
    serde_json::from_str(&text)
        .map_err(|error| ModelError::Header { format: "JSON", reason: format!("`{name}`: {error}") })
}

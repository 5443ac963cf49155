//! What every measured program takes and prints; the peers' half is `benches/runtime/peers/contract.py`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use empiric_jobs::model::{DeviceChoice, LoadOptions, LoadedModel, ModelFiles, Precision, load_with};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Anything that went wrong; printed, and the exit status is 1.
pub type Failure = Box<dyn std::error::Error>;

/// One run of one kind of work.
pub type Command = fn(&Arguments) -> Result<Report, Failure>;

/// The command line after the command's name.
pub struct Arguments {
    /// Weights file, or a folder in Hugging Face's layout.
    pub model: PathBuf,
    /// JSON lines.
    pub workload: PathBuf,
    /// Most new tokens of each answer.
    pub new_tokens: usize,
    /// Most sequences at a time.
    pub batch: usize,
    /// Rank of a LoRA adapter.
    pub rank: usize,
    /// Training steps before the clock starts.
    pub warm_up: usize,
    /// Training steps that are measured.
    pub steps: usize,
}

impl Arguments {
    /// Reads `--name value` pairs.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let (model, workload) = (PathBuf::new(), PathBuf::new());
        let mut read = Self { model, workload, new_tokens: 16, batch: 32, rank: 16, warm_up: 2, steps: 8 };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{name}` has no value"))?;
            match name.as_str() {
                "--model" => read.model = value.into(),
                "--workload" => read.workload = value.into(),
                "--new-tokens" => read.new_tokens = value.parse()?,
                "--batch" => read.batch = value.parse()?,
                "--rank" => read.rank = value.parse()?,
                "--warm-up" => read.warm_up = value.parse()?,
                "--steps" => read.steps = value.parse()?,
                _ => return Err(format!("`{name}` is no option").into()),
            }
        }
        Ok(read)
    }

    /// Loads the model as jobs that answer do, onto the device that the environment names: of the benchmark's
    /// files every matrix becomes 32-bit floats, since nothing else would round nothing.
    pub fn load(&self) -> Result<LoadedModel, Failure> {
        let files = ModelFiles { weights: self.model.clone(), ..ModelFiles::default() };
        let options = LoadOptions { weights: Precision::AsStored, device: DeviceChoice::from_environment()? };
        Ok(load_with(&files, options)?)
    }

    /// The workload's lines.
    pub fn lines<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        let text = std::fs::read_to_string(&self.workload)
            .map_err(|error| format!("{}: {error}", self.workload.display()))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// A line of `batch.jsonl`, `single.jsonl` and `load.jsonl`; `score.jsonl` adds to it.
#[derive(serde::Deserialize)]
pub struct Prompt {
    /// Token ids, special tokens included.
    pub tokens: Vec<u32>,
}

/// What a run took.
pub struct Report {
    seconds: f64,
    tokens: usize,
    more: Map<String, Value>,
}

impl Report {
    /// Stops the clock. `tokens` is what a rate is counted in.
    pub fn new(started: Instant, tokens: usize) -> Self {
        Self { seconds: started.elapsed().as_secs_f64(), tokens, more: Map::new() }
    }

    /// Adds `answers`, `scores`, `vectors`, `first_loss` or the like.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// The object on the last line of the output.
    pub fn print(self) -> Result<(), Failure> {
        let mut object = self.more;
        object.insert("seconds".to_owned(), self.seconds.into());
        object.insert("tokens".to_owned(), self.tokens.into());
        object.insert("peak_memory".to_owned(), peak_memory().into());
        Ok(writeln!(std::io::stdout(), "{}", Value::Object(object))?)
    }
}

/// The largest resident set in bytes, as Linux counts it. Elsewhere nothing: the caller asks the system.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

//! The command line.

use std::path::PathBuf;

/// What is climbed and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--model`: weights in GGUF.
    pub model: PathBuf,
    /// `--project`: a folder with `data/{train,dev}.jsonl`, `prompts/system.txt` and `handbook/`.
    pub project: PathBuf,
    /// `--work`: where jobs and artifacts lie.
    pub work: PathBuf,
    /// `--user`: the user message.
    pub user: String,
    /// `--k`: passages that are shown.
    pub k: u32,
    /// `--words`: words of a chunk.
    pub words: u32,
    /// `--variants`: chats of an item.
    pub variants: u32,
    /// `--rank`: of the adapter.
    pub rank: u32,
    /// `--frozen`: share of the blocks, from the lowest, that stay as they are.
    pub frozen: f64,
    /// `--rate`: peak learning rate.
    pub rate: f64,
    /// `--epochs`
    pub epochs: u32,
    /// `--batch`: examples of a step.
    pub batch: u32,
    /// `--held-out`: share of the items whose chats decide when to stop.
    pub held_out: f64,
    /// `--tools`: whether examples teach the calculator, `yes` or `no`.
    pub tools: String,
    /// `--encoder`: a folder with a sentence encoder; with it passages are found by words and meaning.
    pub encoder: Option<PathBuf>,
    /// `--share`: part of the train items that is learned from.
    pub share: f64,
    /// `--measured`: numbers of passages with which the adapter is measured, `1,3`; `--k` where none is given.
    pub measured: Vec<u32>,
    /// `--split`: the file of `data/` that is measured on, `dev` or `test`.
    pub split: String,
    /// `--untrained`: whether the rungs before the adapter are measured, `yes` or `no`.
    pub untrained: String,
}

impl Options {
    /// Reads `--name value` pairs.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut read = Self {
            model: PathBuf::new(),
            project: "examples/staff-handbook".into(),
            work: std::env::temp_dir().join("empiric-ladder"),
            user: "{{context}}\n\nQuestion: {{input}}".to_owned(),
            k: 3,
            words: 120,
            variants: 2,
            rank: 16,
            frozen: 0.0,
            rate: 5e-4,
            epochs: 2,
            batch: 8,
            held_out: 0.0,
            tools: "yes".to_owned(),
            encoder: None,
            share: 1.0,
            measured: Vec::new(),
            split: "dev".to_owned(),
            untrained: "yes".to_owned(),
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{name}` has no value"))?;
            match name.as_str() {
                "--model" => read.model = value.into(),
                "--project" => read.project = value.into(),
                "--work" => read.work = value.into(),
                "--user" => read.user = value.replace("\\n", "\n"),
                "--k" => read.k = value.parse()?,
                "--words" => read.words = value.parse()?,
                "--variants" => read.variants = value.parse()?,
                "--rank" => read.rank = value.parse()?,
                "--frozen" => read.frozen = value.parse()?,
                "--rate" => read.rate = value.parse()?,
                "--epochs" => read.epochs = value.parse()?,
                "--batch" => read.batch = value.parse()?,
                "--held-out" => read.held_out = value.parse()?,
                "--tools" => read.tools = value,
                "--encoder" => read.encoder = Some(value.into()),
                "--share" => read.share = value.parse()?,
                "--measured" => {
                    read.measured = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                "--split" => read.split = value,
                "--untrained" => read.untrained = value,
                _ => return Err(format!("`{name}` is no option").into()),
            }
        }
        Ok(read)
    }
}

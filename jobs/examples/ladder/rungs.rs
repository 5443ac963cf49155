//! The rungs.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::data::Item;
use empiric_schema::grade::Assertion;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::version::*;

use super::jobs::{Jobs, output};
use super::options::Options;

/// Items that are answered together.
const BATCH: u32 = 16;

/// Climbs, and prints a line for each rung.
pub fn climb(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut ladder = Ladder::new(options)?;
    let closed = ladder.closed_book()?;
    let looked_up = ladder.with_passages(&closed)?;
    if options.untrained == "yes" {
        ladder.measure("closed-book", &closed)?;
        ladder.measure("passages", &looked_up)?;
    }
    let taught = if options.tools == "yes" { with_calculator(&looked_up) } else { looked_up };
    let tuned = ladder.tuned(&taught)?;
    let measured = if options.measured.is_empty() { &[options.k][..] } else { &options.measured };
    for k in measured {
        ladder.measure(&format!("adapter-{k}"), &with_count(&tuned, *k))?;
    }
    Ok(())
}

fn with_count(version: &SystemVersion, k: u32) -> SystemVersion {
    let retrieval = version.retrieval.clone().map(|retrieval| Retrieval { k, ..retrieval });
    SystemVersion { retrieval, ..version.clone() }
}

struct Ladder<'a> {
    options: &'a Options,
    jobs: Jobs,
    dev: ArtifactRef,
    items: Vec<Item>,
}

impl<'a> Ladder<'a> {
    fn new(options: &'a Options) -> Result<Self, Box<dyn Error>> {
        let mut jobs = Jobs::new(&options.work)?;
        let path = options.project.join(format!("data/{}.jsonl", options.split));
        let dev = jobs.input(&path)?;
        let lines = std::fs::read_to_string(path)?;
        let items = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { options, jobs, dev, items })
    }

    fn closed_book(&mut self) -> Result<SystemVersion, Box<dyn Error>> {
        let weights = self.jobs.input(&self.options.model)?;
        let system = std::fs::read_to_string(self.options.project.join("prompts/system.txt"))?;
        Ok(SystemVersion {
            model: ModelBinding { id: ModelId::new("smollm2-135m"), weights, files: BTreeMap::new() }.into(),
            adapter: None,
            prompt: Prompt {
                system: system.trim().to_owned(),
                user: self.options.user.clone(),
                answer_cue: String::new(),
            },
            demonstrations: Demonstrations::None,
            decoding: Decoding { max_tokens: 24, stop: Vec::new(), labels: None },
            retrieval: None,
            tools: None,
        })
    }

    fn with_passages(&mut self, version: &SystemVersion) -> Result<SystemVersion, Box<dyn Error>> {
        let corpus = self.jobs.bytes("corpus.tar", &corpus(&self.options.project)?)?;
        let chunking = Chunking { max_words: self.options.words, overlap: 0 };
        let params = IndexParams { corpus, chunking, encoder: self.encoder()? };
        let encoder = params.encoder.clone();
        let exit = self.jobs.run("index", JobKind::Index(Box::new(params)))?;
        say(&format!("index: {:.1} s, {:?}", exit.usage.seconds, exit.findings.figures))?;
        let dense = match encoder {
            Some(encoder) => Some(DenseIndex { vectors: output(&exit, VECTORS_FILE)?, encoder }),
            None => None,
        };
        let ranking = if dense.is_some() { Ranking::Hybrid } else { Ranking::Lexical };
        let retrieval = Retrieval {
            index: IndexBinding { chunks: output(&exit, CHUNKS_FILE)?, dense },
            ranking,
            k: self.options.k,
            order: PassageOrder::BestFirst,
            abstain: None,
        };
        Ok(SystemVersion { retrieval: Some(retrieval), ..version.clone() })
    }

    fn encoder(&mut self) -> Result<Option<EncoderFiles>, Box<dyn Error>> {
        let Some(folder) = &self.options.encoder else { return Ok(None) };
        Ok(Some(EncoderFiles {
            weights: self.jobs.input(&folder.join("model.safetensors"))?,
            config: self.jobs.input(&folder.join("config.json"))?,
            tokenizer: self.jobs.input(&folder.join("tokenizer.json"))?,
            settings: Some(self.jobs.input(&folder.join("sentence_bert_config.json"))?),
        }))
    }

    fn tuned(&mut self, version: &SystemVersion) -> Result<SystemVersion, Box<dyn Error>> {
        let items = self.jobs.input(&self.options.project.join("data/train.jsonl"))?;
        let params = ExamplesParams {
            version: version.clone(),
            items,
            share: self.options.share,
            held_out: self.options.held_out,
            variants: self.options.variants,
            distractors: self.options.distractors,
            answers: Vec::new(),
        };
        let examples = self.jobs.run("examples", JobKind::Examples(Box::new(params)))?;
        say(&format!("examples: {:.1} s, {:?}", examples.usage.seconds, examples.findings.figures))?;
        let training =
            self.jobs.run("train", JobKind::TrainSft(Box::new(self.training(version, &examples)?)))?;
        say(&format!("train: {:.1} s, {:?}", training.usage.seconds, training.findings.training))?;
        let adapter = AdapterBinding {
            config: output(&training, ADAPTER_CONFIG_FILE)?,
            weights: output(&training, ADAPTER_WEIGHTS_FILE)?,
        };
        Ok(SystemVersion { adapter: Some(adapter), ..version.clone() })
    }

    fn training(&self, version: &SystemVersion, examples: &Exit) -> Result<TrainSftParams, Box<dyn Error>> {
        let dev = (self.options.held_out > 0.0).then(|| output(examples, DEV_CHATS_FILE)).transpose()?;
        let optimisation = Optimisation {
            learning_rate: self.options.rate,
            epochs: self.options.epochs,
            max_steps: 0,
            batch: self.options.batch,
            micro_batch: self.options.batch,
            warmup: 0.05,
            clip: 1.0,
            weight_decay: 0.0,
            max_tokens: 2048,
            patience: 0,
            look_every: 0,
            looks: 0,
            checkpoint_every: 0,
        };
        let rank = self.options.rank;
        Ok(TrainSftParams {
            model: version.model.weights().ok_or("the model has no weights")?.clone(),
            train: output(examples, TRAIN_CHATS_FILE)?,
            dev,
            method: Method::Lora(Lora { r: rank, alpha: 2.0 * f64::from(rank), frozen: self.options.frozen }),
            optimisation,
        })
    }

    fn measure(&mut self, name: &str, version: &SystemVersion) -> Result<(), Box<dyn Error>> {
        let params = EvaluateParams {
            version: version.clone(),
            items: self.dev.clone(),
            positions: (0..self.items.len() as u32).collect(),
            assertions: vec![Assertion::Icontains { value: "{{expected}}".to_owned() }],
            labels: Vec::new(),
            batch: BATCH,
        };
        let exit = self.jobs.run(name, JobKind::Evaluate(Box::new(params)))?;
        let found = exit.findings.evaluation.ok_or("the evaluation has no summary")?;
        let share = |marks: &str| marks.matches('1').count() as f64 / marks.len().max(1) as f64;
        let (seconds, passed, harmful) = (exit.usage.seconds, share(&found.passed), share(&found.harmful));
        say(&format!(
            "{name}: accuracy {passed:.3}, harm {harmful:.3}, {seconds:.1} s, {}",
            self.by_kind(&found.passed)
        ))?;
        if let Some(found) = found.retrieval {
            say(&format!("  recall@1,3,5,10 {:?}", found.recall))?;
        }
        Ok(())
    }

    /// Accuracy by the items' first tag.
    fn by_kind(&self, passed: &str) -> String {
        let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (item, mark) in self.items.iter().zip(passed.chars()) {
            let kind = kinds.entry(item.tags.first().map_or("untagged", String::as_str)).or_default();
            *kind = (kind.0 + usize::from(mark == '1'), kind.1 + 1);
        }
        let shown = kinds.iter().map(|(kind, (passed, all))| format!("{kind} {passed}/{all}"));
        shown.collect::<Vec<_>>().join(", ")
    }
}

fn with_calculator(version: &SystemVersion) -> SystemVersion {
    let tools = ToolUse { tools: vec![Tool::Calculator], routing: ToolRouting::Learned };
    SystemVersion { tools: Some(tools), ..version.clone() }
}

/// The handbook as a tar, under the names that items use.
fn corpus(project: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut files: Vec<_> = std::fs::read_dir(project.join("handbook"))?.collect::<Result<_, _>>()?;
    files.sort_by_key(std::fs::DirEntry::path);
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let name = format!("handbook/{}", file.file_name().to_string_lossy());
        tar.append_path_with_name(file.path(), name)?;
    }
    Ok(tar.into_inner()?)
}

fn say(line: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

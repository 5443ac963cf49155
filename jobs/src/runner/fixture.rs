//! Jobs in a folder of their own, with a tiny random model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::grade::Assertion;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use tempfile::TempDir;

use super::run;
use crate::embed::tiny::TinyBert;
use crate::model::tiny::TinyModel;

pub(crate) const ITEMS: &str = r#"{"id":"a","input":"When is pay day?","expected":"zzzzzz","forbidden":["zzzzzz"]}
{"id":"b","input":"Where do I park?","expected":["yyyyyy","x"]}
{"id":"c","input":"Who has the key?","expected":"never said"}
"#;

pub(crate) struct Job {
    folder: TempDir,
    pub(crate) file: JobFile,
}

pub(crate) fn reference(path: &Path) -> ArtifactRef {
    let bytes = std::fs::read(path).unwrap();
    ArtifactRef { digest: Digest::of(&bytes), size: bytes.len() as u64, media_type: "test".into() }
}

impl Job {
    /// A job with the tiny model's weights and [`ITEMS`] as inputs; `kind` gets their references.
    pub(crate) fn new(kind: impl FnOnce(ArtifactRef, ArtifactRef) -> JobKind) -> Self {
        let folder = TempDir::new().unwrap();
        let weights = TinyModel::new(5, true).write_gguf(folder.path(), GgmlDType::Q8_0);
        let items = folder.path().join("items.jsonl");
        std::fs::write(&items, ITEMS).unwrap();
        let kind = kind(reference(&weights), reference(&items));
        let outputs = kind.outputs().iter().map(|name| (*name).to_owned()).collect();
        let inputs =
            BTreeMap::from([(reference(&weights).digest, weights), (reference(&items).digest, items)]);
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        Self { folder, file: JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 } }
    }

    /// Adds an input with these bytes.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> ArtifactRef {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        let artifact = reference(&path);
        self.file.inputs.insert(artifact.digest.clone(), path);
        artifact
    }

    /// Adds a tiny random encoder.
    pub(crate) fn add_encoder(&mut self) -> EncoderFiles {
        let folder = TempDir::new().unwrap();
        TinyBert::new(5).write(folder.path());
        let mut add = |name: &str| self.add(name, &std::fs::read(folder.path().join(name)).unwrap());
        EncoderFiles {
            weights: add("model.safetensors"),
            config: add("config.json"),
            tokenizer: add("tokenizer.json"),
            settings: Some(add("sentence_bert_config.json")),
        }
    }

    /// Makes the job one of this kind.
    pub(crate) fn become_kind(&mut self, kind: JobKind) {
        self.file.outputs = kind.outputs().iter().map(|name| (*name).to_owned()).collect();
        self.file.spec.kind = kind;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self) -> Exit {
        std::fs::write(self.path(JOB_FILE), serde_json::to_vec(&self.file).unwrap()).unwrap();
        self.run_as_written()
    }

    pub(crate) fn run_as_written(&self) -> Exit {
        let class = run(self.folder.path());
        let exit: Exit = serde_json::from_slice(&std::fs::read(self.path(EXIT_FILE)).unwrap()).unwrap();
        assert_eq!(exit.class, class);
        exit
    }

    pub(crate) fn fails(&self, class: ExitClass, message: &str) {
        let exit = self.run();
        assert_eq!(exit.class, class, "{}", exit.message);
        assert!(exit.message.contains(message), "{}", exit.message);
        assert!(!self.path(OUTPUT_FOLDER).exists(), "a failed job leaves no output");
    }
}

/// An evaluation of two items.
pub(crate) fn evaluation() -> Job {
    Job::new(|weights, items| {
        JobKind::Evaluate(Box::new(EvaluateParams {
            version: version(weights, items.clone()),
            items,
            positions: vec![2, 0],
            assertions: vec![Assertion::Regex { value: ".*".into() }],
            labels: Vec::new(),
            batch: 2,
        }))
    })
}

pub(crate) fn version(weights: ArtifactRef, pool: ArtifactRef) -> SystemVersion {
    SystemVersion {
        model: ModelBinding { id: ModelId::new("tiny"), weights, files: BTreeMap::new() }.into(),
        adapter: None,
        prompt: Prompt { system: "Be brief.".into(), user: "Q: {{input}}".into(), answer_cue: "A:".into() },
        demonstrations: Demonstrations::Nearest { k: 1, pool },
        decoding: Decoding { max_tokens: 6, stop: vec!["\n".into()], labels: None },
        retrieval: None,
        tools: None,
    }
}

pub(crate) fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

//! Whole jobs of kind `embed` on a tiny random encoder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::job::*;
use safetensors::SafeTensors;
use tempfile::TempDir;

use super::run;
use crate::embed::{SentenceEncoder, tiny};

const TEXTS: &str = r#"{"id":"a","text":"The key"}
{"id":"b","text":""}

{"id":"c","text":"parking; pay day"}
"#;

struct Job {
    folder: TempDir,
    file: JobFile,
}

fn reference(path: &Path) -> ArtifactRef {
    let bytes = std::fs::read(path).unwrap();
    ArtifactRef { digest: Digest::of(&bytes), size: bytes.len() as u64, media_type: "test".into() }
}

impl Job {
    fn new() -> Self {
        Self::with(&tiny::TinyBert::new(5), TEXTS)
    }

    fn with(encoder: &tiny::TinyBert, texts: &str) -> Self {
        let folder = TempDir::new().unwrap();
        encoder.write(folder.path());
        std::fs::write(folder.path().join("texts.jsonl"), texts).unwrap();
        let mut inputs = BTreeMap::new();
        let mut input = |name: &str| {
            let path = folder.path().join(name);
            let artifact = reference(&path);
            inputs.insert(artifact.digest.clone(), path);
            artifact
        };
        let encoder = EncoderFiles {
            weights: input("model.safetensors"),
            config: input("config.json"),
            tokenizer: input("tokenizer.json"),
            settings: Some(input("sentence_bert_config.json")),
        };
        let kind = JobKind::Embed(Box::new(EmbedParams { encoder, texts: input("texts.jsonl") }));
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        let outputs = vec![VECTORS_FILE.to_owned()];
        Self { folder, file: JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 } }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self) -> Exit {
        std::fs::write(self.path(JOB_FILE), serde_json::to_vec(&self.file).unwrap()).unwrap();
        let class = run(self.folder.path());
        let exit: Exit = serde_json::from_slice(&std::fs::read(self.path(EXIT_FILE)).unwrap()).unwrap();
        assert_eq!(exit.class, class);
        exit
    }

    fn output(&self) -> Vec<u8> {
        std::fs::read(self.path(OUTPUT_FOLDER).join(VECTORS_FILE)).unwrap()
    }

    fn fails(&self, class: ExitClass, message: &str) {
        let exit = self.run();
        assert_eq!(exit.class, class, "{}", exit.message);
        assert!(exit.message.contains(message), "{}", exit.message);
        assert!(!self.path(OUTPUT_FOLDER).exists(), "a failed job leaves no output");
    }
}

#[test]
fn a_job_leaves_the_vectors_in_the_order_of_the_lines() {
    let job = Job::new();
    let exit = job.run();
    assert_eq!((exit.class, exit.message.as_str()), (ExitClass::Success, "3 texts, 48 numbers each"));
    let bytes = job.output();
    let left = &exit.outputs[VECTORS_FILE];
    assert_eq!((&left.digest, left.size), (&Digest::of(&bytes), bytes.len() as u64));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor("vectors").unwrap();
    assert_eq!((tensor.dtype(), tensor.shape()), (safetensors::Dtype::F32, [3, 48].as_slice()));
    let values: Vec<f32> =
        tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let encoder = SentenceEncoder::load_folder(job.folder.path()).unwrap();
    let expected = encoder.embed(&["The key", "", "parking; pay day"]).unwrap();
    assert_eq!(values, expected.values);
    assert_eq!((exit.usage.prompt_tokens, exit.usage.completion_tokens), (expected.tokens, 0));
}

#[test]
fn progress_counts_texts() {
    let job = Job::new();
    job.run();
    let text = std::fs::read_to_string(job.path(PROGRESS_FILE)).unwrap();
    let lines: Vec<Progress> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0].phase, "load");
    let last = lines.last().unwrap();
    assert_eq!((last.phase.as_str(), last.step, last.total, last.unit.as_str()), ("embed", 3, 3, "text"));
    assert!(last.metrics["tokens_per_second"] > 0.0);
}

#[test]
fn the_same_job_gives_the_same_bytes() {
    let (one, two) = (Job::new(), Job::new());
    one.run();
    two.run();
    assert_eq!(one.output(), two.output());
}

#[test]
fn bad_lines_are_named() {
    let check = |line: &str, message: &str| {
        let texts = format!("{TEXTS}{line}\n");
        Job::with(&tiny::TinyBert::new(5), &texts).fails(ExitClass::InvalidInput, message);
    };
    check(r#"{"id":"d"}"#, "texts.jsonl:5: missing field `text`");
    check(r#"{"id":"d","text":7}"#, "texts.jsonl:5: invalid type: integer `7`, expected a string");
    check("plain text", "texts.jsonl:5: expected value");
    Job::with(&tiny::TinyBert::new(5), "\n\n").fails(ExitClass::InvalidInput, "no texts to embed");
}

#[test]
fn damaged_and_wrong_weights_are_told_apart() {
    let job = Job::new();
    let path = job.path("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    job.fails(ExitClass::ArtifactCorrupt, "model.safetensors` is damaged: it has sha256:");
    let mut encoder = tiny::TinyBert::new(5);
    encoder.tensors.remove("embeddings.LayerNorm.bias");
    let missing = "the texts cannot be embedded: tensor `embeddings.LayerNorm.bias` is missing";
    Job::with(&encoder, TEXTS).fails(ExitClass::InvalidInput, missing);
}

#[test]
fn vectors_that_are_no_numbers_are_a_divergence() {
    let mut encoder = tiny::TinyBert::new(5);
    encoder.tensors.get_mut("embeddings.LayerNorm.weight").unwrap().1.fill(3e38);
    Job::with(&encoder, TEXTS).fails(ExitClass::Diverged, "is not a number");
}

#[test]
fn a_reservation_stops_work_in_flight() {
    let mut job = Job::new();
    job.file.spec.reserve = Spend { tokens: 10, ..Spend::default() };
    job.fails(ExitClass::BudgetExhausted, "stopped after 0 of 3 items: 13 tokens of 10 reserved");
}

//! Whole jobs of kind `baseline` on a tiny random encoder.

use std::collections::BTreeMap;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::grade::Assertion;
use empiric_schema::job::*;
use tempfile::TempDir;

use super::fixture::{lines, reference};
use super::run;
use crate::embed::tiny;

const TRAIN: &str = r#"{"id":"t1","input":"the key","expected":"keys"}
{"id":"t2","input":"the keys 1 2 3","expected":"keys"}
{"id":"t3","input":"pay day","expected":"Pay"}
{"id":"t4","input":"pay day 4","expected":"pay"}
{"id":"t5","input":"pay day 5 6 7","expected":"pay"}
{"id":"t6","input":"the key 9","expected":"keys"}
{"id":"t7","input":"day pay","expected":"pay"}
"#;
const ITEMS: &str = r#"{"id":"a","input":"the key","expected":"keys","forbidden":["keys"]}
{"id":"b","input":"pay day","expected":"pay"}
"#;

struct Job {
    folder: TempDir,
    file: JobFile,
}

impl Job {
    fn new(method: BaselineMethod, labels: &[&str], train: &str) -> Self {
        let folder = TempDir::new().unwrap();
        tiny::TinyBert::new(5).write(folder.path());
        let mut inputs = BTreeMap::new();
        let mut input = |name: &str| -> ArtifactRef {
            let path = folder.path().join(name);
            let artifact = reference(&path);
            inputs.insert(artifact.digest.clone(), path);
            artifact
        };
        std::fs::write(folder.path().join("train.jsonl"), train).unwrap();
        std::fs::write(folder.path().join("items.jsonl"), ITEMS).unwrap();
        let params = BaselineParams {
            train: input("train.jsonl"),
            items: input("items.jsonl"),
            positions: vec![1, 0],
            assertions: vec![Assertion::Equals { value: "{{expected}}".into() }],
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            encoder: Some(EncoderFiles {
                weights: input("model.safetensors"),
                config: input("config.json"),
                tokenizer: input("tokenizer.json"),
                settings: None,
            }),
            method,
        };
        let spec = JobSpec {
            kind: JobKind::Baseline(Box::new(params)),
            seed: 1,
            repeat: 0,
            reserve: Spend::default(),
        };
        let outputs = vec![RESULTS_FILE.to_owned()];
        Self { folder, file: JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 } }
    }

    fn params(&mut self) -> &mut BaselineParams {
        match &mut self.file.spec.kind {
            JobKind::Baseline(params) => params,
            _ => unreachable!("the fixture is a baseline"),
        }
    }

    fn run(&self) -> Exit {
        let path = |name: &str| self.folder.path().join(name);
        std::fs::write(path(JOB_FILE), serde_json::to_vec(&self.file).unwrap()).unwrap();
        run(self.folder.path());
        serde_json::from_slice(&std::fs::read(path(EXIT_FILE)).unwrap()).unwrap()
    }

    fn answers(&self) -> Vec<String> {
        let results: Vec<ItemResult> = lines(&self.folder.path().join("out/results.jsonl"));
        results.into_iter().map(|result| result.answer).collect()
    }

    fn fails(&self, message: &str) {
        let exit = self.run();
        assert_eq!(exit.class, ExitClass::InvalidInput);
        assert!(exit.message.contains(message), "{}", exit.message);
    }
}

#[test]
fn the_majority_says_one_thing_and_needs_no_encoder() {
    let mut job = Job::new(BaselineMethod::Majority, &["keys", "pay"], TRAIN);
    job.params().encoder = None;
    let exit = job.run();
    assert_eq!((exit.class, exit.message.as_str()), (ExitClass::Success, "1 of 2 items passed"));
    assert_eq!(job.answers(), ["pay", "pay"]);
    let evaluation = exit.findings.evaluation.unwrap();
    assert_eq!((evaluation.passed.as_str(), evaluation.harmful.as_str()), ("10", "00"));
    // Without labels answers are counted as they are written.
    let job = Job::new(BaselineMethod::Majority, &[], TRAIN);
    job.run();
    assert_eq!(job.answers(), ["keys", "keys"]);
}

#[test]
fn a_regression_learns_labels_from_vectors() {
    let job = Job::new(BaselineMethod::Supervised, &["keys", "pay"], TRAIN);
    let exit = job.run();
    assert_eq!(exit.message, "2 of 2 items passed");
    assert_eq!(job.answers(), ["pay", "keys"]);
    assert!(exit.findings.figures["penalty"] > 0.0);
    assert!(exit.findings.figures["cross_validation_loss"] < 2.0f64.ln());
    assert_eq!(exit.findings.evaluation.unwrap().harmful, "01");
    assert!(exit.usage.prompt_tokens > 0);
}

#[test]
fn without_labels_the_nearest_item_answers() {
    let job = Job::new(BaselineMethod::Supervised, &[], TRAIN);
    job.run();
    assert_eq!(job.answers(), ["Pay", "keys"]);
}

#[test]
fn the_same_baseline_gives_the_same_bytes() {
    let digest = || {
        let exit = Job::new(BaselineMethod::Supervised, &["keys", "pay"], TRAIN).run();
        exit.outputs[RESULTS_FILE].digest.clone()
    };
    assert_eq!(digest(), digest());
}

#[test]
fn baselines_that_cannot_be_made_are_refused() {
    Job::new(BaselineMethod::Supervised, &["keys"], TRAIN).fails("the item `t3` expects `Pay`");
    Job::new(BaselineMethod::Majority, &[], "").fails("no items to learn from");
    let mut job = Job::new(BaselineMethod::Supervised, &[], TRAIN);
    job.params().encoder = None;
    job.fails("a supervised baseline needs an encoder");
    let missing = Digest::of(b"elsewhere");
    let mut job = Job::new(BaselineMethod::Majority, &[], TRAIN);
    job.params().train.digest = missing.clone();
    job.fails(&missing.to_string());
}

//! Whole jobs of the kind `drift` on a tiny random encoder.

use std::collections::BTreeMap;
use std::path::Path;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::budget::Spend;
use empiric_schema::job::*;
use tempfile::TempDir;

use super::fixture::reference;
use super::run;
use crate::embed::tiny::TinyBert;

fn put(folder: &Path, name: &str, text: &str) -> ArtifactRef {
    std::fs::write(folder.join(name), text).unwrap();
    reference(&folder.join(name))
}

/// Runs a job over these questions of dev and of production; every answer is the same.
fn compare(dev: &[&str], asked: &[&str], answer: &str) -> (TempDir, Exit) {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    TinyBert::new(5).write(at);
    let item = |(place, input)| format!("{{\"id\":\"i{place}\",\"input\":\"{input}\",\"expected\":\"x\"}}\n");
    let items: String = dev.iter().enumerate().map(item).collect();
    let line = |(place, question)| {
        format!("{{\"id\":\"r{place}\",\"question\":\"{question}\",\"answer\":\"{answer}\"}}\n")
    };
    let served: String = asked.iter().enumerate().map(line).collect();
    let before: String =
        (0..40).map(|place| format!("{{\"id\":\"i{place}\",\"text\":\"At 7.\"}}\n")).collect();
    let params = DriftParams {
        encoder: EncoderFiles {
            weights: reference(&at.join("model.safetensors")),
            config: reference(&at.join("config.json")),
            tokenizer: reference(&at.join("tokenizer.json")),
            settings: Some(reference(&at.join("sentence_bert_config.json"))),
        },
        dev: put(at, "dev.jsonl", &items),
        served: put(at, "served.jsonl", &served),
        dev_answers: Some(put(at, "answers.jsonl", &before)),
        labels: Vec::new(),
        alpha: 0.001,
    };
    let mut inputs = BTreeMap::new();
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        inputs.insert(reference(&path).digest, path);
    }
    let kind = JobKind::Drift(Box::new(params));
    let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
    let outputs = vec![FAR_QUESTIONS_FILE.to_owned()];
    let file = JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 };
    std::fs::write(at.join(JOB_FILE), serde_json::to_vec(&file).unwrap()).unwrap();
    run(at);
    let exit = serde_json::from_slice(&std::fs::read(at.join(EXIT_FILE)).unwrap()).unwrap();
    (folder, exit)
}

const DEV: [&str; 8] = [
    "the key the key",
    "key the key the",
    "the the key key",
    "key key the the",
    "the key key the",
    "key the the key",
    "the key the key the key",
    "key the key the key the",
];

#[test]
fn questions_like_those_of_dev_stay_below_the_limit() {
    let (_folder, exit) = compare(&DEV, &["key the key the", "the key the key", "key key the the"], "At 7.");
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    let found = exit.findings.drift.unwrap();
    assert_eq!((found.questions, found.reference), (3, 8));
    assert!(found.distance < 1e-6 && found.distance <= found.limit, "{found:?}");
    assert!(found.limit >= found.expected, "{found:?}");
    assert!(found.answers.iter().all(|shift| shift.p > 0.1), "{found:?}");
}

#[test]
fn other_questions_and_other_answers_are_found_and_the_farthest_are_written_down() {
    let asked = ["parking pay day", "pay parking", "the key the key", "day parking pay", "parking"];
    let (folder, exit) = compare(&DEV, &asked.repeat(4), "I don't know, and nobody here does either.");
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    let found = exit.findings.drift.unwrap();
    assert!(found.distance > found.limit, "{found:?}");
    assert!(found.answers.iter().all(|shift| shift.p < 0.001), "{found:?}");
    let far = std::fs::read_to_string(folder.path().join(OUTPUT_FOLDER).join(FAR_QUESTIONS_FILE)).unwrap();
    let far: Vec<FarQuestion> = far.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(far.len(), 20);
    assert!(far.windows(2).all(|pair| pair[0].distance >= pair[1].distance));
    assert!(far[0].question.contains("parking") && DEV.contains(&far[0].nearest.as_str()), "{:?}", far[0]);
}

#[test]
fn nothing_to_compare_is_said() {
    let (_folder, exit) = compare(&DEV[..1], &["key"], "At 7.");
    assert_eq!(exit.class, ExitClass::InvalidInput);
    assert!(exit.message.contains("too few questions"), "{}", exit.message);
}

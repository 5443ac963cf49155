//! Whole jobs of the kind `cluster` on a tiny random encoder.

use std::collections::BTreeMap;
use std::path::Path;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::budget::Spend;
use empiric_schema::diagnosis::{Category, Cluster};
use empiric_schema::job::*;
use tempfile::TempDir;

use super::fixture::{lines, reference};
use super::run;
use crate::embed::tiny;

/// Two subjects of five questions each, and a failure of another category.
const INPUTS: [&str; 11] = [
    "the key",
    "the key key",
    "key",
    "the the key",
    "key the",
    "parking pay day",
    "parking pay",
    "pay day parking",
    "pay parking day",
    "parking day pay",
    "the",
];

fn category(place: usize) -> &'static str {
    if place == 10 { "format" } else { "knowledge" }
}

struct Job {
    folder: TempDir,
    file: JobFile,
}

fn put(folder: &Path, name: &str, text: &str) -> ArtifactRef {
    std::fs::write(folder.join(name), text).unwrap();
    reference(&folder.join(name))
}

impl Job {
    /// `failing` are the places of [`INPUTS`] that fail.
    fn new(failing: impl Iterator<Item = usize>, previous: Option<&[u8]>) -> Self {
        let folder = TempDir::new().unwrap();
        tiny::TinyBert::new(5).write(folder.path());
        let item =
            |(place, input)| format!("{{\"id\":\"i{place}\",\"input\":\"{input}\",\"expected\":\"x\"}}\n");
        let items: String = INPUTS.iter().enumerate().map(item).collect();
        let probe = |place| {
            format!(
                "{{\"id\":\"i{place}\",\"position\":{place},\"category\":\"{}\",\"why\":\"day\",\"trials\":[]}}\n",
                category(place)
            )
        };
        let probes: String = failing.map(probe).collect();
        let at = folder.path();
        let previous = previous.map(|bytes| put(at, "previous.jsonl", std::str::from_utf8(bytes).unwrap()));
        let params = ClusterParams {
            items: put(at, "items.jsonl", &items),
            probes: put(at, "probes.jsonl", &probes),
            encoder: EncoderFiles {
                weights: reference(&at.join("model.safetensors")),
                config: reference(&at.join("config.json")),
                tokenizer: reference(&at.join("tokenizer.json")),
                settings: Some(reference(&at.join("sentence_bert_config.json"))),
            },
            previous,
        };
        let mut inputs = BTreeMap::new();
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            inputs.insert(reference(&path).digest, path);
        }
        let kind = JobKind::Cluster(Box::new(params));
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        let outputs = vec![CLUSTERS_FILE.to_owned()];
        Self { folder, file: JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 } }
    }

    fn run(&self) -> Exit {
        let path = self.folder.path();
        std::fs::write(path.join(JOB_FILE), serde_json::to_vec(&self.file).unwrap()).unwrap();
        run(path);
        serde_json::from_slice(&std::fs::read(path.join(EXIT_FILE)).unwrap()).unwrap()
    }

    fn output(&self) -> std::path::PathBuf {
        self.folder.path().join(OUTPUT_FOLDER).join(CLUSTERS_FILE)
    }
}

#[test]
fn failures_are_grouped_by_category_and_followed() {
    let first = Job::new(0..11, None);
    let exit = first.run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    assert!(exit.usage.prompt_tokens > 0);
    let clusters: Vec<Cluster> = lines(&first.output());
    let mut items: Vec<&str> = clusters.iter().flat_map(|c| &c.items).map(|id| id.as_str()).collect();
    items.sort_unstable();
    items.dedup();
    assert_eq!(items.len(), 11, "every failure is in one cluster");
    assert!(exit.findings.figures["clusters"] >= 2.0, "{clusters:?}");
    let alone = clusters.iter().find(|cluster| cluster.category == Category::Format).unwrap();
    assert_eq!((alone.name.as_str(), alone.items.len()), ("other", 1));
    let key = clusters.iter().find(|cluster| cluster.terms.first().is_some_and(|term| term == "key"));
    assert!(key.is_some(), "{clusters:?}");

    // Nothing changes: every cluster goes on under its name, and nothing is fixed.
    let bytes = std::fs::read(first.output()).unwrap();
    let second = Job::new(0..11, Some(&bytes));
    let exit = second.run();
    let followed: Vec<Cluster> = lines(&second.output());
    assert_eq!(followed, clusters);
    let figures = &exit.findings.figures;
    assert_eq!((figures["continued"], figures["fixed"]), (clusters.len() as f64, 0.0));

    // The failure of the other category passes by now.
    let exit = Job::new(0..10, Some(&bytes)).run();
    assert_eq!(exit.findings.figures["fixed"], 1.0);
}

#[test]
fn a_failure_that_is_no_item_is_named() {
    let mut job = Job::new(0..11, None);
    let JobKind::Cluster(params) = &mut job.file.spec.kind else {
        unreachable!("it clusters");
    };
    let path = job.folder.path();
    params.items = put(path, "few.jsonl", "{\"id\":\"i0\",\"input\":\"x\",\"expected\":\"x\"}\n");
    job.file.inputs.insert(params.items.digest.clone(), path.join("few.jsonl"));
    let exit = job.run();
    assert_eq!(exit.class, ExitClass::InvalidInput);
    assert_eq!(exit.message, "the diagnoses are of other items: i1 is not in the data");
}

#[test]
fn a_reservation_stops_embedding() {
    let mut job = Job::new(0..11, None);
    job.file.spec.reserve = Spend { tokens: 5, ..Spend::default() };
    assert_eq!(job.run().class, ExitClass::BudgetExhausted);
}

//! Probes and clusters on the example project with real models: closed-book failures of SmolLM2-135M, and
//! vectors of all-MiniLM-L6-v2.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use empiric_jobs::runner::run;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::data::Item;
use empiric_schema::diagnosis::{Category, Cluster, ItemDiagnosis};
use empiric_schema::document::Chunk;
use empiric_schema::grade::Assertion;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use tempfile::TempDir;

/// Dev items of every kind: lookups, reckonings, secrets, and what the handbook does not say.
const CHOSEN: [&str; 14] = [
    "dev-001", "dev-004", "dev-005", "dev-008", "dev-012", "dev-015", "dev-003", "dev-010", "dev-013",
    "dev-053", "dev-030", "dev-038", "dev-052", "dev-060",
];

fn variable(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(path) => PathBuf::from(path),
        None => panic!("{name} is not set: `make test` fetches what it names and sets it"),
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/staff-handbook").join(name)
}

fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Files by their digests.
#[derive(Default)]
struct Inputs(BTreeMap<Digest, PathBuf>);

impl Inputs {
    fn add(&mut self, path: &Path) -> ArtifactRef {
        let bytes = std::fs::read(path).unwrap();
        let artifact =
            ArtifactRef { digest: Digest::of(&bytes), size: bytes.len() as u64, media_type: "test".into() };
        self.0.insert(artifact.digest.clone(), path.to_owned());
        artifact
    }

    /// Runs a job on these files and gives its folder.
    fn run(&self, kind: JobKind) -> (TempDir, Exit) {
        let folder = TempDir::new().unwrap();
        let outputs = kind.outputs().iter().map(|name| (*name).to_owned()).collect();
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        let file = JobFile { spec, inputs: self.0.clone(), outputs, attempt: 1, resume: None, threads: 2 };
        std::fs::write(folder.path().join(JOB_FILE), serde_json::to_vec(&file).unwrap()).unwrap();
        run(folder.path());
        let exit: Exit =
            serde_json::from_slice(&std::fs::read(folder.path().join(EXIT_FILE)).unwrap()).unwrap();
        assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
        (folder, exit)
    }
}

/// One chunk a section of the handbook.
fn chunks(path: &Path) {
    let mut lines = String::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(example("handbook")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let document = format!("handbook/{}", file.file_name().unwrap().to_string_lossy());
        let mut parts = text.split("\n## ");
        let title = parts.next().unwrap().trim().trim_start_matches("# ").to_owned();
        for part in parts {
            let (heading, text) = part.split_once('\n').unwrap();
            let title = format!("{title} > {heading}");
            let chunk = Chunk { document: document.clone(), title, text: text.trim().to_owned() };
            lines += &format!("{}\n", serde_json::to_string(&chunk).unwrap());
        }
    }
    std::fs::write(path, lines).unwrap();
}

fn version(weights: ArtifactRef) -> SystemVersion {
    let system = std::fs::read_to_string(example("prompts/system.txt")).unwrap();
    SystemVersion {
        model: ModelBinding { id: ModelId::new("smollm2-135m"), weights, files: BTreeMap::new() }.into(),
        adapter: None,
        prompt: Prompt { system, user: "{{input}}".into(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 24, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    }
}

#[test]
fn closed_book_failures_are_put_down_to_knowledge_tools_and_harm() {
    let folder = TempDir::new().unwrap();
    let mut inputs = Inputs::default();
    let items = inputs.add(&example("data/dev.jsonl"));
    let version = version(inputs.add(&variable("EMPIRIC_TEST_MODEL")));
    let all: Vec<Item> = lines(&example("data/dev.jsonl"));
    let place = |id: &&str| all.iter().position(|item| item.id.as_str() == *id).unwrap() as u32;
    let assertions = vec![Assertion::Icontains { value: "{{expected}}".into() }];
    let (evaluation, exit) = inputs.run(JobKind::Evaluate(Box::new(EvaluateParams {
        version: version.clone(),
        items: items.clone(),
        positions: CHOSEN.iter().map(place).collect(),
        assertions: assertions.clone(),
        labels: Vec::new(),
        batch: 16,
    })));
    let passed = exit.findings.evaluation.unwrap().passed;
    assert!(passed.matches('1').count() <= 2, "without the handbook it knows next to nothing: {passed}");
    let results = evaluation.path().join(OUTPUT_FOLDER).join(RESULTS_FILE);
    let failing: Vec<ItemResult> = lines(&results).into_iter().filter(|r: &ItemResult| !r.passed).collect();
    chunks(&folder.path().join("chunks.jsonl"));
    let (probed, exit) =
        inputs_with(&mut inputs, &results, &folder.path().join("chunks.jsonl"), |results, chunks| {
            JobKind::Probe(Box::new(ProbeParams {
                version,
                items,
                positions: failing.iter().map(|result| result.position).collect(),
                results: vec![results],
                assertions,
                labels: Vec::new(),
                chunks: Some(chunks),
                samples: 2,
                temperature: 0.8,
                models: Vec::new(),
                batch: 16,
            }))
        });
    let found: Vec<ItemDiagnosis> = lines(&probed.path().join(OUTPUT_FOLDER).join(PROBES_FILE));
    assert_eq!(found.len(), failing.len());
    let of = |category: Category| found.iter().filter(|line| line.category == category).count();
    assert!(of(Category::Knowledge) >= 1, "{}", exit.message);
    assert!(of(Category::Tool) >= 1, "{}", exit.message);
    assert!(of(Category::Harm) >= 2, "{}", exit.message);
    assert_eq!(of(Category::EvaluationDefect), 0, "{}", exit.message);
    let expected =
        of(Category::Knowledge) + of(Category::Tool) + of(Category::Harm) + of(Category::GenerationMiss);
    assert!(expected * 5 >= found.len() * 4, "{}", exit.message);
}

fn inputs_with(
    inputs: &mut Inputs,
    results: &Path,
    chunks: &Path,
    kind: impl FnOnce(ArtifactRef, ArtifactRef) -> JobKind,
) -> (TempDir, Exit) {
    let kind = kind(inputs.add(results), inputs.add(chunks));
    inputs.run(kind)
}

#[test]
fn questions_about_one_subject_are_one_cluster() {
    let folder = TempDir::new().unwrap();
    let mut inputs = Inputs::default();
    let items: Vec<Item> = lines(&example("data/dev.jsonl"));
    let diagnosis = |(position, item): (usize, &Item)| ItemDiagnosis {
        id: item.id.clone(),
        position: position as u32,
        category: Category::Knowledge,
        repaired_by: None,
        why: "right with the passage".to_owned(),
        trials: Vec::new(),
    };
    let probes: Vec<String> =
        items.iter().enumerate().map(|line| serde_json::to_string(&diagnosis(line)).unwrap()).collect();
    let path = folder.path().join("probes.jsonl");
    std::fs::write(&path, probes.join("\n")).unwrap();
    let encoder = variable("EMPIRIC_TEST_ENCODER");
    let mut file = |name: &str| inputs.add(&encoder.join(name));
    let encoder = EncoderFiles {
        weights: file("model.safetensors"),
        config: file("config.json"),
        tokenizer: file("tokenizer.json"),
        settings: None,
    };
    let kind = JobKind::Cluster(Box::new(ClusterParams {
        items: inputs.add(&example("data/dev.jsonl")),
        probes: inputs.add(&path),
        encoder,
        previous: None,
    }));
    let (job, _) = inputs.run(kind);
    let clusters: Vec<Cluster> = lines(&job.path().join(OUTPUT_FOLDER).join(CLUSTERS_FILE));
    let named: Vec<&Cluster> = clusters.iter().filter(|cluster| cluster.name != "other").collect();
    assert!(named.len() >= 2);
    // The family of an item is the subject that people gave it. Most of a cluster is of one or two of them.
    let family = |id: &str| {
        let item = items.iter().find(|item| item.id.as_str() == id).unwrap();
        item.tags.iter().find(|tag| tag.starts_with("family:")).cloned().unwrap()
    };
    let (mut together, mut all) = (0, 0);
    for cluster in named {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        cluster.items.iter().for_each(|id| *counts.entry(family(id.as_str())).or_default() += 1);
        together += counts.values().max().unwrap();
        all += cluster.items.len();
    }
    // Clusters that ignored the subject would have the largest family's share of all items, or little more.
    let mut families: BTreeMap<String, usize> = BTreeMap::new();
    items.iter().for_each(|item| *families.entry(family(item.id.as_str())).or_default() += 1);
    let largest = families.values().max().unwrap();
    assert!(together * 4 > largest * 5, "{together} of {all} items are of their cluster's main family");
}

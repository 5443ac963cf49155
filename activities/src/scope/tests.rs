//! Whole scopes over files, and what is refused.

use std::fs;

use empiric_schema::data::read_items;
use empiric_schema::id::RunId;
use empiric_schema::job::ExitClass;
use tempfile::TempDir;

use super::*;

const TOPICS: [&str; 12] = [
    "parking",
    "annual leave",
    "uniforms",
    "allergies",
    "lost property",
    "payroll",
    "fire drills",
    "night shifts",
    "pool towels",
    "minibar keys",
    "airport shuttle",
    "wedding hall",
];

const SPEC: &str = r#"
name: book
scope:
  task: answer
  success:
    - {metric: accuracy, at_least: 0.7}
data:
  train: file://data/train.jsonl
  dev: file://data/dev.jsonl
  test: file://data/test.jsonl
  documents: ["file://handbook/*.md"]
models:
  - {id: small, source: "file://small.gguf", parameters: 1M}
system: {model: small, prompt: "file://prompt.txt", max_tokens: 32}
evaluate:
  assert: [{type: icontains, value: "{{expected}}"}]
improve: {techniques: [prompt], max_iterations: 2}
"#;

struct Bench {
    folder: TempDir,
    activities: ScopeActivities,
    spec: String,
}

impl Bench {
    /// A sound project.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let activities = ScopeActivities {
            store: ArtifactStore::local(&folder.path().join("store")).unwrap(),
            cache_dir: folder.path().join("cache"),
            network: NetworkMode::Offline,
        };
        let bench = Self { folder, activities, spec: SPEC.to_owned() };
        for (split, topics) in [("train", &TOPICS[..6]), ("dev", &TOPICS[6..9]), ("test", &TOPICS[9..])] {
            let lines = topics.iter().map(|topic| item(&format!("{split}-{topic}"), topic) + "\n");
            bench.write(&format!("data/{split}.jsonl"), &lines.collect::<String>());
        }
        bench.write("handbook/a.md", "# A");
        bench.write("handbook/b.md", "# B");
        bench.write("small.gguf", "GGUF weights");
        bench.write("prompt.txt", "Be brief.\n\n");
        bench
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join("project").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn freeze(&self) -> Result<Frozen, ScopeError> {
        let request = FreezeRequest {
            run: RunId::new("run"),
            project_dir: self.folder.path().join("project"),
            spec: ProjectSpec::parse("project.yaml", &self.spec).unwrap(),
        };
        self.activities.freeze_reporting(&request, watch::Sender::new(Progress::default())).await
    }

    async fn refusal(&self) -> (ExitClass, String) {
        let error = self.freeze().await.unwrap_err();
        (error.class(), failure::with_causes(&error))
    }
}

fn item(id: &str, topic: &str) -> String {
    format!(
        r#"{{"id":"{id}","input":"What does the handbook say on {topic}, {topic} and {topic}?","expected":"{topic}"}}"#
    )
}

#[tokio::test]
async fn a_sound_project_is_frozen_by_digest_and_twice_the_same() {
    let bench = Bench::new();
    let frozen = bench.freeze().await.unwrap();
    assert_eq!((frozen.train.as_ref().unwrap().count, frozen.dev.count, frozen.test.count), (6, 3, 3));
    assert_eq!(frozen.documents, 2);
    assert_eq!(frozen.system.prompt.system, "Be brief.");
    assert_eq!(frozen.system.model.weights, frozen.models[&ModelId::new("small")]);
    assert_eq!(frozen.system.model.weights.media_type, "application/x-gguf");
    let bytes = bench.activities.store.get_bytes(&frozen.dev.items).await.unwrap();
    assert_eq!(read_items("dev.jsonl", &bytes).unwrap()[0].id.as_str(), "dev-fire drills");
    assert_eq!(bench.freeze().await.unwrap(), frozen);
}

#[tokio::test]
async fn a_bad_line_is_named_by_file_and_line() {
    let bench = Bench::new();
    bench.write("data/dev.jsonl", &format!("{}\n{{\"id\":\"x\",\n", item("a", "boats")));
    let (class, message) = bench.refusal().await;
    assert_eq!(class, ExitClass::InvalidInput);
    assert!(message.contains("data/dev.jsonl:2"), "{message}");
}

#[tokio::test]
async fn leaks_between_splits_are_refused_with_their_ids() {
    let bench = Bench::new();
    let copy = item("test-copy", TOPICS[0]);
    let near = item("test-near", TOPICS[7]).replace("What does", "So what does");
    bench.write("data/test.jsonl", &format!("{copy}\n{near}\n"));
    let (class, message) = bench.refusal().await;
    assert_eq!(class, ExitClass::InvalidInput);
    assert!(message.contains("train `train-parking` and test `test-copy` are the same"), "{message}");
    assert!(message.contains("dev `dev-night shifts` and test `test-near` share "), "{message}");
}

#[tokio::test]
async fn an_id_in_two_splits_is_refused() {
    let bench = Bench::new();
    let lines = [item("dev-fire drills", "boats"), item("b", "candles")];
    bench.write("data/test.jsonl", &lines.join("\n"));
    let (_, message) = bench.refusal().await;
    assert!(message.contains("`dev-fire drills` is used twice, in dev and in test"), "{message}");
}

#[tokio::test]
async fn a_split_of_one_item_measures_nothing() {
    let bench = Bench::new();
    bench.write("data/dev.jsonl", &item("a", "boats"));
    let (class, message) = bench.refusal().await;
    assert_eq!(class, ExitClass::InvalidInput);
    assert_eq!(message, "the dev split has 1 items; at least 2 are needed");
}

#[tokio::test]
async fn missing_files_are_named_with_their_source() {
    for (name, source) in [
        ("data/test.jsonl", "file://data/test.jsonl"),
        ("small.gguf", "file://small.gguf"),
        ("prompt.txt", "file://prompt.txt"),
    ] {
        let bench = Bench::new();
        fs::remove_file(bench.folder.path().join("project").join(name)).unwrap();
        let (class, message) = bench.refusal().await;
        assert_eq!(class, ExitClass::InvalidInput);
        assert!(message.contains(source), "{message}");
    }
}

#[tokio::test]
async fn prompts_and_weights_must_be_one_file_of_the_right_kind() {
    let bench = Bench::new();
    bench.write("prompt.txt", &"x".repeat(40_000));
    assert!(bench.refusal().await.1.contains("has 40000 bytes; at most 32768"));
    fs::write(bench.folder.path().join("project/prompt.txt"), b"caf\xe9").unwrap();
    assert!(bench.refusal().await.1.contains("is not UTF-8 text: incomplete utf-8"));
    let mut bench = Bench::new();
    bench.spec = bench.spec.replace("file://small.gguf", "file://handbook");
    assert!(bench.refusal().await.1.contains("one file is needed"));
}

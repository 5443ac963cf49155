//! Whole scopes over files, and what is refused.

use std::fs;

use empiric_endpoint::test_server::{Answer, TestServer};
use empiric_schema::contract::{JoinedItems, JoinedSplit};
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
        self.freeze_with(Vec::new(), None).await
    }

    async fn freeze_with(
        &self,
        joined: Vec<JoinedItems>,
        start: Option<SystemVersion>,
    ) -> Result<Frozen, ScopeError> {
        let request = FreezeRequest {
            run: RunId::new("run"),
            project_dir: self.folder.path().join("project"),
            spec: ProjectSpec::parse("project.yaml", &self.spec).unwrap(),
            joined,
            start,
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
    let weights = &frozen.system.model.weights().unwrap().weights;
    assert_eq!(weights, &frozen.models[&ModelId::new("small")]);
    assert_eq!(weights.media_type, "application/x-gguf");
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
async fn documents_are_packed_by_name_and_the_same_ones_always_alike() {
    let mut bench = Bench::new();
    bench.write("rules/deep/c.txt", "C");
    bench.spec =
        bench.spec.replace(r#"["file://handbook/*.md"]"#, r#"["file://rules", "file://handbook/*.md"]"#);
    let corpus = bench.freeze().await.unwrap().corpus.unwrap();
    assert_eq!(corpus.media_type, "application/x-tar");
    let bytes = bench.activities.store.get_bytes(&corpus).await.unwrap();
    let mut archive = tar::Archive::new(bytes.as_ref());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        assert_eq!((entry.header().mtime().unwrap(), entry.header().uid().unwrap()), (0, 0));
        let text = std::io::read_to_string(&mut entry).unwrap();
        (entry.path().unwrap().display().to_string(), text)
    });
    let expected = [("handbook/a.md", "# A"), ("handbook/b.md", "# B"), ("rules/deep/c.txt", "C")];
    assert_eq!(entries.collect::<Vec<_>>(), expected.map(|(name, text)| (name.into(), text.into())));
    let other = Bench::new();
    other.write("rules/deep/c.txt", "C");
    let other = Bench {
        spec: bench.spec.replace("\"file://rules\", ", "").replace(".md\"]", ".md\", \"file://rules/**\"]"),
        ..other
    };
    assert_eq!(other.freeze().await.unwrap().corpus, Some(corpus), "the order of sources does not matter");
}

#[tokio::test]
async fn documents_that_items_name_must_be_there() {
    let bench = Bench::new();
    let naming = |name: &str| item("x", "boats").replace('}', &format!(r#","documents":["{name}"]}}"#));
    bench.write("data/dev.jsonl", &format!("{}\n{}\n", naming("handbook/c.md"), item("y", "candles")));
    let (class, message) = bench.refusal().await;
    assert_eq!(class, ExitClass::InvalidInput);
    assert!(message.contains("called `handbook/a.md`, `handbook/b.md` and so on"), "{message}");
    assert!(message.contains("\n  dev `x` names `handbook/c.md`"), "{message}");
    bench.write("data/dev.jsonl", &format!("{}\n{}\n", naming("handbook/a.md"), item("y", "candles")));
    bench.freeze().await.unwrap();
}

#[tokio::test]
async fn two_documents_of_one_name_are_refused() {
    let mut bench = Bench::new();
    bench.spec = bench
        .spec
        .replace(r#"["file://handbook/*.md"]"#, r#"["file://handbook/*.md", "file://handbook/a.md"]"#);
    assert!(bench.refusal().await.1.contains("two documents are called `handbook/a.md`"));
}

#[tokio::test]
async fn an_embedder_is_frozen_by_its_files() {
    let mut bench = Bench::new();
    bench.spec = bench.spec.replace("system:", "embedder: {source: \"file://minilm\"}\nsystem:");
    bench.write("minilm/model.safetensors", "weights");
    bench.write("minilm/config.json", "{}");
    let (class, message) = bench.refusal().await;
    assert_eq!(class, ExitClass::InvalidInput);
    assert!(message.contains("the embedder file://minilm has no `tokenizer.json`"), "{message}");
    bench.write("minilm/tokenizer.json", "[]");
    let encoder = bench.freeze().await.unwrap().encoder.unwrap();
    assert_eq!(encoder.settings, None);
    assert_eq!(encoder.weights.media_type, "application/x-safetensors");
    assert_eq!(bench.activities.store.get_bytes(&encoder.tokenizer).await.unwrap().as_ref(), b"[]");
    bench.write("minilm/sentence_bert_config.json", r#"{"max_seq_length": 256}"#);
    bench.write("minilm/1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": true}"#);
    let settings = bench.freeze().await.unwrap().encoder.unwrap().settings.unwrap();
    assert_eq!(settings.size, 23);
    bench.write("minilm/1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": false}"#);
    assert!(bench.refusal().await.1.contains("no other pooling is supported"));
}

#[tokio::test]
async fn without_documents_and_embedder_nothing_is_packed() {
    let mut bench = Bench::new();
    bench.spec = bench.spec.replace("  documents: [\"file://handbook/*.md\"]\n", "");
    let frozen = bench.freeze().await.unwrap();
    assert_eq!((frozen.documents, frozen.corpus, frozen.encoder), (0, None, None));
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

impl Bench {
    /// A project whose system is behind this address, as the model `m`.
    fn behind(url: &str, key: &str) -> Self {
        let mut bench = Self::new();
        let model = format!("  - {{id: big, endpoint: \"{url}\", model: m{key}}}\nsystem: {{model: big,");
        bench.spec = bench.spec.replace("system: {model: small,", &model);
        bench
    }
}

#[tokio::test]
async fn an_endpoint_is_asked_for_its_models_and_frozen_by_address_name_and_price() {
    use empiric_schema::spec::{Price, SecretRef};
    let server = TestServer::start(|_, _| Answer::models(&["other", "m"]));
    let key = ", api_key: file://secrets/key, price: {input: 1, output: 2}";
    let bench = Bench::behind(&server.url(), key);
    let frozen = bench.freeze().await.unwrap();
    let endpoint = frozen.system.model.endpoint().unwrap();
    assert_eq!((&endpoint.url, endpoint.model.as_str()), (&server.url(), "m"));
    assert_eq!(endpoint.price, Some(Price { input: 1.0, output: 2.0 }));
    let key = bench.folder.path().join("project/secrets/key").display().to_string();
    assert_eq!(endpoint.api_key, Some(SecretRef::File(key)), "jobs run in other folders");
    let asked = server.seen();
    assert_eq!((asked.len(), asked[0].path.as_str()), (1, "/v1/models"));
    assert!(!asked[0].headers.contains_key("authorization"), "only jobs read keys");
    assert_eq!(frozen.system.artifacts(), Vec::<&ArtifactRef>::new());
    assert_eq!(bench.freeze().await.unwrap(), frozen);
}

#[tokio::test]
async fn an_endpoint_that_lacks_the_model_or_wants_a_key_is_refused() {
    let server = TestServer::start(|_, _| Answer::models(&["other", "m-large:latest"]));
    let (class, message) = Bench::behind(&server.url(), "").refusal().await;
    assert_eq!(class, ExitClass::Config);
    assert!(message.contains("model `big` has no `m`; it lists `other`, `m-large:latest`"), "{message}");
    let server = TestServer::start(|_, _| Answer::error(401, "no key"));
    let (class, message) = Bench::behind(&server.url(), "").refusal().await;
    assert_eq!(class, ExitClass::Permission);
    assert!(message.contains("wants a key: add `api_key: env://NAME`"), "{message}");
    Bench::behind(&server.url(), ", api_key: env://BIG_KEY").freeze().await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_or_not_allowed_is_named() {
    let url = TestServer::start(|_, _| Answer::Silent).url();
    let (class, message) = Bench::behind(&url, "").refusal().await;
    assert_eq!(class, ExitClass::TempFail);
    assert!(
        message.contains("endpoint of the system's model `big` cannot be used: 127.0.0.1 gave no"),
        "{message}"
    );
    let (class, message) = Bench::behind("https://10.0.0.1/v1", "").refusal().await;
    assert_eq!(class, ExitClass::Config);
    assert!(message.contains("10.0.0.1 is not an address of the public internet"), "{message}");
    let (class, message) = Bench::behind("https://api.example.org/v1", "").refusal().await;
    assert_eq!(class, ExitClass::Config);
    assert!(message.contains("the run is offline"), "{message}");
}

#[tokio::test]
async fn servers_without_a_list_and_names_with_a_default_tag_are_taken() {
    let server = TestServer::start(|_, _| Answer::error(404, "no such route"));
    Bench::behind(&server.url(), "").freeze().await.unwrap();
    let server = TestServer::start(|_, _| Answer::models(&["m:latest"]));
    Bench::behind(&server.url(), "").freeze().await.unwrap();
}

#[tokio::test]
async fn items_from_production_join_and_are_held_against_the_test_like_all_others() {
    let bench = Bench::new();
    let plain = bench.freeze().await.unwrap();
    let start = SystemVersion { demonstrations: Demonstrations::None, ..plain.system.clone() };
    let start = SystemVersion { decoding: Decoding { max_tokens: 7, ..start.decoding.clone() }, ..start };
    let store =
        |line: String| async { bench.activities.store.put_bytes(line.into_bytes(), JSONL).await.unwrap() };
    let join = |split, items| vec![JoinedItems { split, items, count: 1 }];
    let new = store(item("prod-1", "bicycles")).await;
    let joined = bench.freeze_with(join(JoinedSplit::Dev, new), Some(start.clone())).await.unwrap();
    assert_eq!((joined.dev.count, joined.test.count), (plain.dev.count + 1, plain.test.count));
    assert_eq!((joined.dev.items == plain.dev.items, &joined.system), (false, &start));
    let of_the_test = store(item("prod-2", TOPICS[9])).await;
    let refused = bench.freeze_with(join(JoinedSplit::Train, of_the_test), None).await.unwrap_err();
    assert!(matches!(refused, ScopeError::Leak(_)), "{refused}");
}

//! SmolLM2-135M-Instruct learns from chats that the job kind `examples` makes of a hotel's items: a few steps of
//! a small adapter lower the loss on chats that were held out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use empiric_jobs::answer::Answerer;
use empiric_jobs::craft::Crafter;
use empiric_jobs::items::read_items;
use empiric_jobs::model::{Flow, load};
use empiric_jobs::retrieve::{chunk, read_corpus};
use empiric_jobs::train::{Sample, StepReport, Trainer, Training, TrainingObserver, samples};
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::document::Chunk;
use empiric_schema::id::ModelId;
use empiric_schema::job::{ChatExample, Chunking, Lora, Method, Optimisation};
use empiric_schema::version::*;

const VARIABLE: &str = "EMPIRIC_TEST_MODEL";
const HOTEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/staff-handbook");

fn model() -> PathBuf {
    let Some(path) = std::env::var_os(VARIABLE) else {
        panic!(
            "{VARIABLE} is not set: it names the SmolLM2-135M-Instruct Q4_1 GGUF file; `make test` fetches the file and sets it"
        );
    };
    path.into()
}

fn named(name: &str) -> ArtifactRef {
    ArtifactRef { digest: Digest::of(name.as_bytes()), size: 0, media_type: "test".into() }
}

/// The chunks of two documents.
fn chunks() -> Vec<Chunk> {
    let mut tar = tar::Builder::new(Vec::new());
    for name in [
        "handbook/annual-leave.md",
        "handbook/parental-leave.md",
        "handbook/pensions.md",
        "handbook/allergens.md",
    ] {
        tar.append_path_with_name(Path::new(HOTEL).join(name), name).unwrap();
    }
    let documents = read_corpus(tar.into_inner().unwrap().as_slice()).unwrap();
    let chunking = Chunking { max_words: 120, overlap: 0 };
    documents.iter().flat_map(|document| chunk(document, &chunking).unwrap()).collect()
}

fn answerer(folder: &Path) -> Answerer {
    let path = folder.join("chunks.jsonl");
    let lines: Vec<String> = chunks().iter().map(|chunk| serde_json::to_string(chunk).unwrap()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let version = SystemVersion {
        model: ModelBinding {
            id: ModelId::new("smollm2-135m"),
            weights: named("weights"),
            files: BTreeMap::new(),
        }
        .into(),
        adapter: None,
        prompt: Prompt {
            system: "Answer from the handbook.".into(),
            user: "{{context}}\n\nQuestion: {{input}}".into(),
            answer_cue: String::new(),
        },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 24, stop: Vec::new(), labels: None },
        retrieval: Some(Retrieval {
            index: IndexBinding { chunks: named("chunks"), dense: None },
            ranking: Ranking::Lexical,
            k: 1,
            order: PassageOrder::BestFirst,
            abstain: None,
        }),
        tools: Some(ToolUse { tools: vec![Tool::Calculator], routing: ToolRouting::Learned }),
    };
    let inputs = BTreeMap::from([(named("weights").digest, model()), (named("chunks").digest, path)]);
    Answerer::load(version, &inputs).unwrap()
}

fn training() -> Training {
    let optimisation = Optimisation {
        learning_rate: 1e-3,
        epochs: 1,
        max_steps: 4,
        batch: 4,
        micro_batch: 4,
        warmup: 0.05,
        clip: 1.0,
        weight_decay: 0.0,
        max_tokens: 1024,
        patience: 0,
        look_every: 0,
        looks: 0,
        checkpoint_every: 0,
    };
    let method = Method::Lora(Lora { r: 8, alpha: 16.0, frozen: 0.0 });
    Training { method, optimisation, seed: 1, identity: Digest::of(b"test") }
}

struct Watch;

impl TrainingObserver for Watch {
    fn before_pass(&mut self, _: u64) -> Flow {
        Flow::Continue
    }

    fn after_step(&mut self, _: StepReport<'_>) -> Flow {
        Flow::Continue
    }
}

#[test]
fn a_few_steps_on_examples_lower_the_loss_on_held_out_ones() {
    let folder = tempfile::tempdir().unwrap();
    let items = read_items(&Path::new(HOTEL).join("data/train.jsonl")).unwrap();
    let answerer = answerer(folder.path());
    let is_of_few = |documents: &[String]| {
        let known = [
            "handbook/annual-leave.md",
            "handbook/parental-leave.md",
            "handbook/pensions.md",
            "handbook/allergens.md",
        ];
        !documents.is_empty() && documents.iter().all(|document| known.contains(&document.as_str()))
    };
    let items: Vec<_> = items.into_iter().filter(|item| is_of_few(&item.documents)).take(32).collect();
    let crafter = Crafter { answerer: &answerer, variants: 1, distractors: 0, seed: 1, answers: None };
    let crafted = crafter.craft(&items, 1.0, 0.5).unwrap();
    assert!(crafted.train.len() >= 4 && !crafted.dev.is_empty(), "{:?}", crafted.tally);
    let model = load(&model()).unwrap();
    let turn = |chats: &[ChatExample]| -> Vec<Sample> {
        samples(&model.tokenizer, &model.chat, chats, 1024).unwrap()
    };
    let (train, dev) = (turn(&crafted.train), turn(&crafted.dev));
    let mut trainer = Trainer::new(model.llama.clone(), training(), train, Vec::new(), None).unwrap();
    let before = trainer.loss(&dev).unwrap();
    assert_eq!(trainer.run(&mut Watch).unwrap(), Flow::Continue);
    let after = trainer.loss(&dev).unwrap();
    assert!(after < 0.9 * before, "{before} {after}");
}

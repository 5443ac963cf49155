use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::FrozenSplit;
use empiric_schema::diagnosis::Category;
use empiric_schema::id::ModelId;
use empiric_schema::job::{EncoderFiles, EvaluationSummary, Proposal, TrainingSummary};
use empiric_schema::spec::ReflectSpec;
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, Ranking, ToolRouting};

use super::*;

const SPEC: &str = r#"
name: p
scope: {task: answer, success: [{metric: accuracy, at_least: 0.5}]}
data: {train: "file://t.jsonl", dev: "file://d.jsonl", test: "file://e.jsonl", documents: ["file://*.md"]}
models:
  - {id: small, source: "file://small.gguf", parameters: 135M}
  - {id: larger, source: "file://larger.gguf", parameters: 360M}
  - {id: large, endpoint: "http://127.0.0.1:9/v1", model: m, parameters: 8B}
system: {model: small}
evaluate: {assert: [{type: icontains, value: "{{expected}}"}]}
improve: {techniques: [prompt, tools, rag, fine_tune, model]}
"#;

struct Fixture {
    spec: ProjectSpec,
    frozen: Frozen,
    incumbent: SystemVersion,
    diagnosis: Vec<DiagnosisRow>,
}

fn artifact(name: &str) -> ArtifactRef {
    ArtifactRef { digest: Digest::of(name.as_bytes()), size: 1, media_type: "test".to_owned() }
}

impl Fixture {
    fn new() -> Self {
        let system = SystemVersion {
            model: ModelBinding {
                id: ModelId::new("small"),
                weights: artifact("small"),
                files: Default::default(),
            }
            .into(),
            adapter: None,
            prompt: Prompt {
                system: "Be brief.".into(),
                user: "{{input}}".into(),
                answer_cue: String::new(),
            },
            demonstrations: Demonstrations::None,
            decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
            retrieval: None,
            tools: None,
        };
        let split = |name| FrozenSplit { items: artifact(name), count: 100 };
        let encoder = EncoderFiles {
            weights: artifact("encoder"),
            config: artifact("config"),
            tokenizer: artifact("tokenizer"),
            settings: None,
        };
        let models = [("small", artifact("small")), ("larger", artifact("larger"))];
        let frozen = Frozen {
            train: Some(split("train")),
            dev: split("dev"),
            test: split("test"),
            documents: 3,
            corpus: Some(artifact("corpus")),
            encoder: Some(encoder),
            dev_clusters: Vec::new(),
            models: models.into_iter().map(|(id, weights)| (ModelId::new(id), weights)).collect(),
            system: system.clone(),
        };
        let spec = ProjectSpec::parse("project.yaml", SPEC).unwrap();
        Self { spec, frozen, incumbent: system, diagnosis: Vec::new() }
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            spec: &self.spec,
            frozen: &self.frozen,
            incumbent: &self.incumbent,
            diagnosis: &self.diagnosis,
            tried: &[],
            most: 8,
            pairs: 0,
        }
    }

    /// Plays the workflow: answers every build until candidates race.
    fn play(&self, technique: Technique) -> (Vec<Vec<String>>, Vec<Candidate>) {
        let (mut built, mut stages) = (Built::new(), Vec::new());
        loop {
            match plan(technique, &self.setting(), &built) {
                Plan::Race(candidates) => return (stages, candidates),
                Plan::Build(builds) => {
                    assert!(stages.len() < 9, "{stages:?}");
                    stages.push(builds.iter().map(|build| build.name.clone()).collect());
                    built.extend(builds.into_iter().map(|build| (build.name.clone(), product(&build))));
                }
            }
        }
    }

    /// As after an accepted retrieval.
    fn with_passages(mut self) -> Self {
        let (_, candidates) = self.play(Technique::Rag);
        self.incumbent = candidates[0].version.clone();
        self
    }
}

/// A higher rate leaves a lower loss.
fn product(build: &Build) -> Product {
    let outputs = build
        .kind
        .outputs()
        .iter()
        .map(|name| ((*name).to_owned(), artifact(&format!("{}/{name}", build.name))));
    let mut findings = Findings::default();
    if let JobKind::TrainSft(params) = &build.kind {
        let loss = 1.0 - 100.0 * params.optimisation.learning_rate;
        findings.training = Some(TrainingSummary {
            steps: 9,
            best_step: 9,
            loss,
            dev_loss: Some(loss),
            tokens: 99,
            looks: Vec::new(),
        });
    }
    if let JobKind::Reflect(params) = &build.kind {
        let proposal = |number| Proposal { parent: 0, system: format!("{} {number}", build.name) };
        findings.proposals = (0..params.proposals).map(proposal).collect();
    }
    if let JobKind::Evaluate(params) = &build.kind {
        findings.evaluation =
            Some(EvaluationSummary { passed: knows(&params.version.prompt.system), ..Default::default() });
    }
    Product { outputs: outputs.collect(), findings }
}

/// The incumbent knows one item, each first proposal of a round one more, all others nothing.
fn knows(system: &str) -> String {
    match system {
        "Be brief." => "1000",
        "reflection-1 0" => "1100",
        "reflection-2 0" => "0011",
        _ => "0000",
    }
    .to_owned()
}

#[test]
fn reflection_reads_train_and_what_stands_on_the_front_races_beside_the_pool() {
    let mut fixture = Fixture::new();
    assert!(fixture.play(Technique::Prompt).0.is_empty(), "nobody reflects unless the spec says who");
    let model = ModelId::new("large");
    fixture.spec.improve.reflect = Some(ReflectSpec { model, proposals: 2, tokens: 1000 });
    let (stages, candidates) = fixture.play(Technique::Prompt);
    let expected: [&[&str]; 5] = [
        &["answers-0-0"],
        &["reflection-1"],
        &["answers-1-0", "answers-1-1"],
        &["reflection-2"],
        &["answers-2-0", "answers-2-1"],
    ];
    assert_eq!(stages, expected);
    assert_eq!(candidates.len(), 8);
    let reflected = candidates.iter().filter(|candidate| candidate.change.contains("reflection"));
    let systems: Vec<&str> = reflected.map(|candidate| candidate.version.prompt.system.as_str()).collect();
    assert_eq!(systems, ["reflection-1 0", "reflection-2 0"], "the pool fills the rest");
}

#[test]
fn reflection_ends_within_its_own_budget_and_asks_the_model_that_the_spec_names() {
    let mut fixture = Fixture::new();
    let model = ModelId::new("large");
    fixture.spec.improve.reflect = Some(ReflectSpec { model: model.clone(), proposals: 3, tokens: 1000 });
    let first = Build { name: "answers-0-0".to_owned(), label: String::new(), kind: answers(&fixture) };
    let built = Built::from([(first.name.clone(), product(&first))]);
    let Plan::Build(builds) = plan(Technique::Prompt, &fixture.setting(), &built) else {
        panic!("a reflection is next")
    };
    let JobKind::Reflect(params) = &builds[0].kind else { panic!("{builds:?}") };
    assert_eq!((params.reflector.id(), params.most_tokens, params.proposals), (&model, 500, 3));
    assert_eq!(params.items, fixture.frozen.train.as_ref().unwrap().items, "dev is never read");
}

/// What the incumbent is asked first.
fn answers(fixture: &Fixture) -> JobKind {
    match plan(Technique::Prompt, &fixture.setting(), &Built::new()) {
        Plan::Build(mut builds) => builds.remove(0).kind,
        Plan::Race(_) => panic!("the incumbent answers train items first"),
    }
}

#[test]
fn retrieval_is_built_for_each_size_and_races_over_rankings_and_counts() {
    let fixture = Fixture::new();
    let (stages, candidates) = fixture.play(Technique::Rag);
    assert_eq!(stages, [["index-60", "index-200"]]);
    assert_eq!(candidates.len(), 8);
    let rankings: Vec<_> =
        candidates.iter().filter_map(|c| Some(c.version.retrieval.as_ref()?.ranking)).collect();
    assert!(rankings.contains(&Ranking::Lexical) && rankings.contains(&Ranking::Hybrid));
    let first = &candidates[0];
    assert_eq!(first.change, "1 passage of up to 60 words, found by words");
    assert!(
        first.version.prompt.user.starts_with("{{context}}\n\nQuestion: {{input}}"),
        "{}",
        first.version.prompt.user
    );
}

#[test]
fn without_an_embedder_passages_are_found_by_words_alone() {
    let mut fixture = Fixture::new();
    fixture.frozen.encoder = None;
    let (_, candidates) = fixture.play(Technique::Rag);
    assert!(candidates.iter().all(|c| c.version.retrieval.as_ref().unwrap().index.dense.is_none()));
}

#[test]
fn what_was_tried_is_not_proposed_again() {
    let fixture = Fixture::new();
    let (_, first) = fixture.play(Technique::Rag);
    let tried: Vec<Digest> = first.iter().map(|candidate| candidate.version.digest()).collect();
    let built: Built = ["index-60", "index-200"]
        .into_iter()
        .map(|name| {
            let files = ["chunks.jsonl", "vectors.safetensors"];
            let outputs = files.map(|file| (file.to_owned(), artifact(&format!("{name}/{file}"))));
            (name.to_owned(), Product { outputs: outputs.into(), ..Product::default() })
        })
        .collect();
    let Plan::Race(second) = plan(Technique::Rag, &Setting { tried: &tried, ..fixture.setting() }, &built)
    else {
        panic!("everything is built")
    };
    assert!(
        !second.is_empty() && second.iter().all(|candidate| !tried.contains(&candidate.version.digest()))
    );
}

#[test]
fn a_lora_sweeps_rates_on_an_eighth_and_goes_on_at_the_best() {
    let fixture = Fixture::new().with_passages();
    let (stages, candidates) = fixture.play(Technique::FineTune);
    let expected: [&[&str]; 3] =
        [&["chats-12", "chats-100"], &["lora-12-0.0005", "lora-12-0.001"], &["lora-100-0.001"]];
    assert_eq!(stages, expected);
    let changes: Vec<&str> = candidates.iter().map(|candidate| candidate.change.as_str()).collect();
    assert_eq!(changes, ["LoRA on 100 % of train at rate 0.001"]);
    assert!(candidates.iter().all(|c| c.version.adapter.is_some() && c.version.tools.is_none()));
}

#[test]
fn failures_of_arithmetic_put_a_calculator_into_the_training() {
    let mut fixture = Fixture::new().with_passages();
    let row =
        DiagnosisRow { category: Category::Tool, items: 1, share: 0.1, repair_rate: 0.5, examples: vec![0] };
    fixture.diagnosis = vec![row];
    let (_, candidates) = fixture.play(Technique::FineTune);
    assert!(candidates.iter().all(|c| c.version.tools.as_ref().unwrap().routing == ToolRouting::Learned));
    fixture.spec.improve.techniques = vec![Technique::FineTune];
    let (_, candidates) = fixture.play(Technique::FineTune);
    assert!(candidates.iter().all(|c| c.version.tools.is_none()), "the spec does not allow tools");
}

#[test]
fn prerequisites_are_named() {
    let whole = Fixture::new();
    let why = |fixture: &Fixture, technique| missing(technique, &fixture.setting()).unwrap_or_default();
    assert!(why(&whole, Technique::FineTune).contains("retrieval comes first"));
    assert!(why(&whole, Technique::Tools).contains("retrieval comes first"));
    assert_eq!(why(&whole, Technique::Rag), "");
    assert_eq!(why(&whole, Technique::Model), "");
    let mut bare = Fixture::new();
    bare.frozen.corpus = None;
    bare.frozen.train = None;
    bare.spec.models.truncate(1);
    assert!(why(&bare, Technique::Rag).contains("`data.documents`"));
    assert!(why(&bare, Technique::FineTune).contains("0 items to learn from"));
    assert!(why(&bare, Technique::Model).contains("no other model"));
    for technique in [Technique::Preference, Technique::Pretrain, Technique::Baseline] {
        assert_ne!(why(&whole, technique), "");
    }
}

#[test]
fn other_models_come_smallest_first_without_the_adapter() {
    let mut fixture = Fixture::new().with_passages();
    fixture.incumbent.prompt.answer_cue = "Answer:".to_owned();
    let (_, candidates) = fixture.play(Technique::Model);
    let ids: Vec<&str> = candidates.iter().map(|candidate| candidate.version.model.id().as_str()).collect();
    assert_eq!(ids, ["larger", "large"]);
    assert_eq!(candidates[0].version.prompt.answer_cue, "Answer:");
    assert_eq!(candidates[1].version.prompt.answer_cue, "", "a chat interface begins no answer");
}

#[test]
fn the_first_model_learns_the_right_answers_of_the_one_that_serves_now() {
    let mut fixture = Fixture::new().with_passages();
    assert!(missing(Technique::Distil, &fixture.setting()).unwrap().contains("no larger one"));
    let (_, larger) = fixture.play(Technique::Model);
    fixture.incumbent = larger[0].version.clone();
    assert_eq!(missing(Technique::Distil, &fixture.setting()), None);
    let (stages, candidates) = fixture.play(Technique::Distil);
    let expected: [&[&str]; 4] =
        [&["teacher"], &["chats-12", "chats-100"], &["lora-12-0.0005", "lora-12-0.001"], &["lora-100-0.001"]];
    assert_eq!(stages, expected);
    let [student] = candidates.as_slice() else { panic!("{candidates:?}") };
    assert_eq!(student.version.model.id().as_str(), "small");
    assert!(student.version.adapter.is_some() && student.version.retrieval.is_some());
    assert_eq!(student.change, "LoRA on 100 % of train at rate 0.001 on the answers of `larger`");
}

#[test]
fn tools_are_told_in_words_and_not_twice() {
    let mut fixture = Fixture::new().with_passages();
    let (_, candidates) = fixture.play(Technique::Tools);
    assert_eq!(candidates.len(), 4);
    assert!(candidates[1].version.prompt.system.contains("<<3 * 12.50>>"));
    fixture.incumbent = candidates[1].version.clone();
    assert!(missing(Technique::Tools, &fixture.setting()).unwrap().contains("already"));
}

#[test]
fn the_rung_of_preferences_says_how_many_pairs_there_are_and_how_many_it_needs() {
    let fixture = Fixture::new();
    let why = missing(Technique::Preference, &Setting { pairs: 12, ..fixture.setting() }).unwrap();
    assert!(why.ends_with("12 pairs of a better and a worse answer came home, and it needs 200"), "{why}");
}

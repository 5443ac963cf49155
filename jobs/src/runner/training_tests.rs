//! Whole jobs of the kind `train_sft` on a tiny random model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::version::ModelBinding;
use tempfile::TempDir;

use super::run;
use crate::model::tiny::TinyModel;
use crate::train::CHECKPOINT_FOLDER;

const CHATS: &str = r#"{"id":"a","messages":[{"role":"user","content":"When?"},{"role":"assistant","content":"at nine"}]}
{"id":"b","messages":[{"role":"user","content":"Where do I park?"},{"role":"assistant","content":"in the den"}]}
{"id":"c","messages":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Ann"}]}
"#;

struct Job {
    folder: TempDir,
    file: JobFile,
}

fn reference(path: &Path) -> ArtifactRef {
    let bytes = std::fs::read(path).unwrap();
    ArtifactRef { digest: Digest::of(&bytes), size: bytes.len() as u64, media_type: "test".into() }
}

fn optimisation() -> Optimisation {
    Optimisation {
        learning_rate: 1e-2,
        epochs: 3,
        max_steps: 0,
        batch: 1,
        micro_batch: 1,
        warmup: 0.0,
        clip: 1.0,
        weight_decay: 0.0,
        max_tokens: 100,
        patience: 0,
        look_every: 0,
        looks: 0,
        checkpoint_every: 2,
    }
}

impl Job {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let weights = TinyModel::new(5, true).write_gguf(folder.path(), GgmlDType::Q8_0);
        let train = folder.path().join("train.jsonl");
        let dev = folder.path().join("dev.jsonl");
        std::fs::write(&train, CHATS).unwrap();
        std::fs::write(&dev, CHATS.lines().next().unwrap()).unwrap();
        let paths = [weights, train, dev];
        let inputs = paths.each_ref().map(|path| (reference(path).digest, path.clone()));
        let [weights, train, dev] = paths.each_ref().map(|path| reference(path));
        let params = TrainSftParams {
            model: ModelBinding { id: ModelId::new("tiny"), weights, files: BTreeMap::new() },
            train,
            dev: Some(dev),
            method: Method::Lora(Lora { r: 2, alpha: 4.0, frozen: 0.0 }),
            optimisation: optimisation(),
        };
        let outputs = params.method.outputs().iter().map(|name| (*name).to_owned()).collect();
        let kind = JobKind::TrainSft(Box::new(params));
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        let inputs = BTreeMap::from(inputs);
        Self { folder, file: JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 } }
    }

    fn params(&mut self) -> &mut TrainSftParams {
        match &mut self.file.spec.kind {
            JobKind::TrainSft(params) => params,
            _ => unreachable!("the fixture is a training"),
        }
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

    fn fails(&self, class: ExitClass, message: &str) {
        let exit = self.run();
        assert_eq!(exit.class, class, "{}", exit.message);
        assert!(exit.message.contains(message), "{}", exit.message);
        assert!(!self.path(OUTPUT_FOLDER).exists(), "a failed job leaves no output");
    }
}

fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_training_leaves_an_adapter_a_history_and_progress() {
    let job = Job::new();
    let exit = job.run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    let summary = exit.findings.training.unwrap();
    assert_eq!(summary.steps, 9);
    assert!(exit.usage.prompt_tokens > summary.tokens, "dev is read too");
    let names: Vec<&str> = exit.outputs.keys().map(String::as_str).collect();
    assert_eq!(names, [ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, HISTORY_FILE]);
    for (name, file) in &exit.outputs {
        assert_eq!(file.digest, reference(&job.path("out").join(name)).digest);
    }
    let history: Vec<TrainingStep> = lines(&job.path("out/history.jsonl"));
    assert_eq!(history.len(), 9);
    assert_eq!(history.iter().filter(|step| step.dev_loss.is_some()).count(), 3);
    assert!(history[8].loss < history[0].loss);
    let progress: Vec<Progress> = lines(&job.path(PROGRESS_FILE));
    assert_eq!(progress[0].phase, "load");
    let last = progress.last().unwrap();
    assert_eq!((last.phase.as_str(), last.step, last.total, last.unit.as_str()), ("train", 9, 9, "step"));
    for name in ["loss", "tokens_per_second", "learning_rate", "dev_loss"] {
        assert!(last.metrics.contains_key(name), "{name}");
    }
}

#[test]
fn full_training_leaves_weights() {
    let mut job = Job::new();
    job.params().method = Method::Full;
    job.file.outputs = Method::Full.outputs().iter().map(|name| (*name).to_owned()).collect();
    let exit = job.run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    assert!(exit.outputs.contains_key(WEIGHTS_FILE));
}

#[test]
fn the_end_of_the_budget_leaves_a_checkpoint_that_the_next_attempt_continues() {
    let whole = Job::new().run();
    let mut job = Job::new();
    job.params().optimisation.checkpoint_every = 2;
    job.file.spec.reserve.tokens = whole.usage.prompt_tokens / 2;
    job.fails(ExitClass::BudgetExhausted, "of 9 items: ");
    let used: Exit = serde_json::from_slice(&std::fs::read(job.path(EXIT_FILE)).unwrap()).unwrap();
    assert!(used.usage.prompt_tokens <= whole.usage.prompt_tokens / 2);

    let mut next = Job::new();
    next.file.attempt = 2;
    next.file.resume = Some(job.path(CHECKPOINT_FOLDER));
    let exit = next.run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    assert_eq!((exit.findings.training, &exit.outputs), (whole.findings.training, &whole.outputs));
    assert!(exit.usage.prompt_tokens < whole.usage.prompt_tokens);
}

#[test]
fn data_that_cannot_be_learned_is_refused() {
    let mut job = Job::new();
    job.params().optimisation.max_tokens = 30;
    job.fails(ExitClass::InvalidInput, "examples have more than 30 tokens: `a` (");
    job.params().optimisation = Optimisation { epochs: 0, ..optimisation() };
    job.fails(ExitClass::InvalidInput, "`epochs` is 0; expected at least 1");
    let question = r#"{"id":"q","messages":[{"role":"user","content":"When?"}]}"#;
    let path = job.path("questions.jsonl");
    std::fs::write(&path, question).unwrap();
    job.file.inputs.insert(reference(&path).digest, path.clone());
    job.params().train = reference(&path);
    job.fails(ExitClass::InvalidInput, "questions.jsonl:1: the example `q` has no turn of the assistant");
}

#[test]
fn numbers_that_explode_end_the_job_with_their_step() {
    let mut job = Job::new();
    job.params().method = Method::Full;
    job.file.outputs = Vec::new();
    (job.params().optimisation.learning_rate, job.params().optimisation.clip) = (1e30, 1e30);
    job.fails(ExitClass::Diverged, "is not a number");
}

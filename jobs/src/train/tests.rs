//! Whole trainings on a tiny random model.

use std::path::Path;

use candle_core::quantized::GgmlDType;
use empiric_schema::artifact::Digest;
use empiric_schema::job::{ChatExample, Lora, Method, Optimisation, Turn};
use safetensors::SafeTensors;
use tempfile::TempDir;

use super::tensor_file::values;
use super::*;
use crate::model::tiny::TinyModel;
use crate::model::{Adapter, AdapterBase, Flow, KvCache, LoadedModel, Segment, load};

pub(crate) fn optimisation() -> Optimisation {
    Optimisation {
        learning_rate: 1e-2,
        epochs: 4,
        max_steps: 0,
        batch: 4,
        micro_batch: 2,
        warmup: 0.1,
        clip: 1.0,
        weight_decay: 0.0,
        max_tokens: 200,
        patience: 0,
        look_every: 0,
        looks: 0,
        checkpoint_every: 0,
    }
}

pub(crate) fn lora() -> Method {
    Method::Lora(Lora { r: 4, alpha: 8.0, frozen: 0.0 })
}

/// Leaves the first of the two blocks as it is.
pub(crate) fn upper() -> Method {
    Method::Lora(Lora { r: 4, alpha: 8.0, frozen: 0.5 })
}

pub(crate) fn model(seed: u64) -> LoadedModel {
    let folder = TempDir::new().unwrap();
    load(&TinyModel::new(seed, true).write_gguf(folder.path(), GgmlDType::F32)).unwrap()
}

/// A model with an output head of its own.
pub(crate) fn untied(seed: u64) -> LoadedModel {
    let folder = TempDir::new().unwrap();
    TinyModel::new(seed, false).write_folder(folder.path());
    load(folder.path()).unwrap()
}

pub(crate) fn example(id: &str, turns: &[(&str, &str)]) -> ChatExample {
    let turn = |(role, content): &(&str, &str)| Turn { role: (*role).into(), content: (*content).into() };
    ChatExample { id: id.into(), messages: turns.iter().map(turn).collect() }
}

/// Ten chats of different lengths.
pub(crate) fn chats(model: &LoadedModel) -> Vec<Sample> {
    let places = ["gate", "den", "inn", "hall", "attic", "barn", "the cellar", "pier", "yard", "loft"];
    let examples: Vec<ChatExample> = places
        .iter()
        .enumerate()
        .map(|(i, place)| {
            let question = format!("{}Where is {i}?", "Please. ".repeat(i % 3));
            example(&i.to_string(), &[("user", &question), ("assistant", place)])
        })
        .collect();
    samples(&model.tokenizer, &model.chat, &examples, 200).unwrap()
}

pub(crate) fn training(method: Method, change: impl FnOnce(&mut Optimisation)) -> Training {
    let mut optimisation = optimisation();
    change(&mut optimisation);
    Training { method, optimisation, seed: 11, identity: Digest::of(b"tiny") }
}

/// Stops after a number of steps or passes.
#[derive(Default)]
struct Stop {
    steps: Option<u32>,
    passes: Option<u32>,
    tokens: u64,
}

impl TrainingObserver for Stop {
    fn before_pass(&mut self, tokens: u64) -> Flow {
        if let Some(left) = &mut self.passes {
            if *left == 0 {
                return Flow::Stop;
            }
            *left -= 1;
        }
        self.tokens = tokens;
        Flow::Continue
    }

    fn after_step(&mut self, report: StepReport<'_>) -> Flow {
        if self.steps == Some(report.record.step) { Flow::Stop } else { Flow::Continue }
    }
}

fn trainer(method: Method, checkpoints: Option<&Path>, change: impl FnOnce(&mut Optimisation)) -> Trainer {
    let model = model(3);
    let mut train = chats(&model);
    let dev = train.split_off(7);
    let folder = checkpoints.map(Path::to_owned);
    Trainer::new(model.llama, training(method, change), train, dev, folder).unwrap()
}

/// Everything that a training leaves, as bytes.
fn left(trainer: &Trainer) -> (Vec<u8>, Vec<String>, String) {
    let weights = match trainer.adapter("tiny").unwrap() {
        Some(files) => [files.config, files.weights].concat(),
        None => trainer.weights().unwrap(),
    };
    let history = trainer.history().iter().map(|step| serde_json::to_string(step).unwrap()).collect();
    (weights, history, format!("{:?}", trainer.summary()))
}

#[test]
fn the_loss_falls_and_the_weights_of_the_best_look_are_kept() {
    for method in [lora(), Method::Full] {
        let mut trainer = trainer(method, None, |o| o.epochs = 20);
        let before = trainer.loss(&trainer.dev).unwrap();
        assert_eq!(trainer.run(&mut Stop::default()).unwrap(), Flow::Continue);
        let summary = trainer.summary();
        assert_eq!(
            (summary.steps, trainer.total_steps(), trainer.examples_after(summary.steps)),
            (40, 40, 140)
        );
        let first = trainer.history()[0].loss;
        assert!(summary.loss < 0.3 * first, "{first} {}", summary.loss);
        let looks: Vec<f64> = trainer.history().iter().filter_map(|step| step.dev_loss).collect();
        assert_eq!(looks.len(), 20);
        let best = looks.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(summary.dev_loss, Some(best));
        assert_eq!(trainer.history()[summary.best_step as usize - 1].dev_loss, Some(best));
        let kept = trainer.loss(&trainer.dev).unwrap();
        assert!((kept - best).abs() < 1e-6 && kept < before, "{kept} {best} {before}");
    }
}

#[test]
fn two_runs_leave_the_same_bytes_and_another_seed_other_ones() {
    for method in [lora(), Method::Full] {
        let run = |seed: u64| {
            let model = model(3);
            let mut training = training(method.clone(), |o| o.weight_decay = 0.1);
            training.seed = seed;
            let samples = chats(&model);
            let mut trainer = Trainer::new(model.llama, training, samples, Vec::new(), None).unwrap();
            trainer.run(&mut Stop::default()).unwrap();
            left(&trainer)
        };
        let first = run(1);
        assert_eq!(first, run(1));
        assert_ne!(first.0, run(2).0);
    }
}

#[test]
fn ten_steps_equal_four_a_kill_and_six_more() {
    for method in [lora(), Method::Full] {
        let change = |o: &mut Optimisation| {
            (o.max_steps, o.epochs, o.look_every, o.checkpoint_every) = (10, 9, 3, 2);
        };
        let mut whole = trainer(method.clone(), None, change);
        whole.run(&mut Stop::default()).unwrap();
        let folder = TempDir::new().unwrap();
        let mut killed = trainer(method.clone(), Some(folder.path()), change);
        // The fifth step is made and lost: the last checkpoint is that of the fourth.
        (0..5).for_each(|_| assert_eq!(killed.advance(&mut Stop::default()).unwrap(), Flow::Continue));
        drop(killed);
        let mut resumed = trainer(method, None, change);
        assert_eq!(resumed.resume(folder.path()).unwrap(), 4);
        resumed.run(&mut Stop::default()).unwrap();
        assert_eq!(left(&whole), left(&resumed));
        assert_eq!(resumed.summary().steps, 10);
    }
}

#[test]
fn a_stop_at_any_pass_can_be_continued() {
    let change = |o: &mut Optimisation| (o.max_steps, o.look_every) = (4, 2);
    let mut whole = trainer(lora(), None, change);
    let mut all = Stop::default();
    whole.run(&mut all).unwrap();
    for passes in 0..12 {
        let folder = TempDir::new().unwrap();
        let mut stopped = trainer(lora(), Some(folder.path()), change);
        let mut stop = Stop { passes: Some(passes), ..Stop::default() };
        assert_eq!(stopped.run(&mut stop).unwrap(), Flow::Stop, "{passes}");
        assert!(stop.tokens < all.tokens);
        let mut resumed = trainer(lora(), None, change);
        resumed.resume(folder.path()).unwrap();
        assert_eq!(resumed.run(&mut Stop::default()).unwrap(), Flow::Continue);
        assert_eq!(left(&whole), left(&resumed), "{passes}");
    }
}

#[test]
fn the_size_of_micro_batches_does_not_change_the_result() {
    let run = |micro_batch: u32| {
        let mut trainer = trainer(lora(), None, |o| (o.micro_batch, o.max_steps) = (micro_batch, 3));
        trainer.run(&mut Stop::default()).unwrap();
        let weights = trainer.adapter("tiny").unwrap().unwrap().weights;
        let tensors = SafeTensors::deserialize(&weights).unwrap();
        let mut all: Vec<(String, Vec<f32>)> =
            tensors.iter().map(|(name, view)| (name.to_owned(), values(view.data()))).collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        (trainer.history().to_vec(), all)
    };
    let (history, whole) = run(4);
    for micro_batch in [1, 3] {
        let (other_history, other) = run(micro_batch);
        for (left, right) in history.iter().zip(&other_history) {
            assert!((left.loss - right.loss).abs() < 1e-5, "{left:?} {right:?}");
            assert!((left.gradient_norm / right.gradient_norm - 1.0).abs() < 1e-4, "{left:?} {right:?}");
        }
        for ((name, left), (_, right)) in whole.iter().zip(&other) {
            let worst = left.iter().zip(right).map(|(l, r)| (l - r).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-3, "{name}: {worst}");
        }
    }
}

#[test]
fn training_stops_when_dev_stops_getting_better() {
    let mut trainer = trainer(lora(), None, |o| {
        (o.epochs, o.learning_rate, o.patience, o.look_every) = (200, 0.05, 2, 1);
    });
    trainer.run(&mut Stop::default()).unwrap();
    let summary = trainer.summary();
    assert!(summary.steps < trainer.total_steps());
    assert_eq!(summary.best_step + 2, summary.steps);
}

#[test]
fn a_rate_that_is_too_high_ends_with_the_step() {
    let mut trainer = trainer(Method::Full, None, |o| (o.learning_rate, o.clip) = (1e30, 1e30));
    let error = trainer.run(&mut Stop::default()).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { step: 1..=3, .. }), "{error}");
    assert!(error.to_string().contains("is not a number"), "{error}");
}

#[test]
fn impossible_parameters_are_refused_by_name() {
    let check = |expected: &str, change: fn(&mut Optimisation)| {
        let model = model(3);
        let samples = chats(&model);
        let error =
            Trainer::new(model.llama, training(lora(), change), samples, Vec::new(), None).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check("`batch` is 0; expected at least 1", |o| o.batch = 0);
    check("`warmup` is 1.5; expected 0 to 1", |o| o.warmup = 1.5);
    check("`learning_rate` is NaN; expected a positive number", |o| o.learning_rate = f64::NAN);
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let folder = TempDir::new().unwrap();
    let mut first = trainer(lora(), Some(folder.path()), |o| o.checkpoint_every = 1);
    first.run(&mut Stop { steps: Some(1), ..Stop::default() }).unwrap();
    let model = model(3);
    let samples = chats(&model);
    let mut other = training(lora(), |_| ());
    other.identity = Digest::of(b"other");
    let mut other = Trainer::new(model.llama, other, samples, Vec::new(), None).unwrap();
    let error = other.resume(folder.path()).unwrap_err();
    assert!(matches!(error, TrainError::OtherTraining { .. }), "{error}");
}

#[test]
fn an_adapter_has_pefts_names_and_shapes() {
    let mut trainer = trainer(lora(), None, |o| o.max_steps = 2);
    trainer.run(&mut Stop::default()).unwrap();
    let files = trainer.adapter("tiny").unwrap().unwrap();
    let config: serde_json::Value = serde_json::from_slice(&files.config).unwrap();
    assert_eq!((&config["peft_type"], &config["r"]), (&"LORA".into(), &4.into()));
    assert_eq!(config["lora_alpha"], 8);
    assert_eq!(config["target_modules"].as_array().unwrap().len(), 7);
    let tensors = SafeTensors::deserialize(&files.weights).unwrap();
    assert_eq!(tensors.len(), 2 * 7 * 2);
    let shape = |name: &str| {
        let name = format!("base_model.model.model.layers.1.{name}.weight");
        tensors.tensor(&name).unwrap().shape().to_vec()
    };
    assert_eq!(shape("self_attn.q_proj.lora_A"), [4, 64]);
    assert_eq!(shape("self_attn.k_proj.lora_B"), [32, 4]);
    assert_eq!(shape("mlp.up_proj.lora_B"), [96, 4]);
    assert_eq!(shape("mlp.down_proj.lora_A"), [4, 96]);
}

#[test]
fn an_adapter_of_the_upper_blocks_names_its_layers() {
    let mut trainer = trainer(upper(), None, |o| o.max_steps = 2);
    trainer.run(&mut Stop::default()).unwrap();
    let files = trainer.adapter("tiny").unwrap().unwrap();
    let config: serde_json::Value = serde_json::from_slice(&files.config).unwrap();
    assert_eq!(config["layers_to_transform"], serde_json::json!([1]));
    assert_eq!(config["target_modules"].as_array().unwrap().len(), 7);
    let tensors = SafeTensors::deserialize(&files.weights).unwrap();
    assert_eq!(tensors.len(), 7 * 2);
    assert!(tensors.iter().all(|(name, _)| name.contains(".layers.1.")));
}

#[test]
fn a_model_without_a_block_to_learn_is_refused() {
    let model = model(3);
    let samples = chats(&model);
    let method = Method::Lora(Lora { r: 4, alpha: 8.0, frozen: 1.0 });
    let error =
        Trainer::new(model.llama, training(method, |_| ()), samples, Vec::new(), None).unwrap_err();
    assert_eq!(error.to_string(), "`frozen` is 1; expected 0 or more and less than 1");
}

/// Reads an exported file back into a plain model and compares its loss with the trainer's.
#[test]
fn exported_weights_are_those_that_were_trained() {
    for (tied, method) in [(true, Method::Full), (false, Method::Full), (true, lora())] {
        let folder = TempDir::new().unwrap();
        TinyModel::new(3, tied).write_folder(folder.path());
        let model = load(folder.path()).unwrap();
        let samples = chats(&model);
        let training = training(method.clone(), |o| o.max_steps = 3);
        let mut trainer =
            Trainer::new(model.llama, training.clone(), samples.clone(), Vec::new(), None).unwrap();
        trainer.run(&mut Stop::default()).unwrap();
        let path = folder.path().join("model.safetensors");
        let mut bytes = trainer.weights().unwrap();
        if let Some(files) = trainer.adapter("tiny").unwrap() {
            bytes = merged(&bytes, &files.weights, 2.0);
        }
        std::fs::write(path, bytes).unwrap();
        let read = load(folder.path()).unwrap();
        let fresh = Trainer::new(read.llama, training, samples.clone(), Vec::new(), None).unwrap();
        let (expected, found) = (trainer.loss(&samples).unwrap(), fresh.loss(&samples).unwrap());
        let bound = if method == Method::Full { 1e-9 } else { 1e-4 };
        assert!((expected - found).abs() < bound, "{method:?}: {expected} {found}");
    }
}

/// Puts an exported adapter onto its base and compares its loss with the trainer's.
#[test]
fn an_exported_adapter_answers_as_it_was_trained() {
    for method in [lora(), upper()] {
        answers_as_trained(method);
    }
}

fn answers_as_trained(method: Method) {
    let model = model(3);
    let samples = chats(&model);
    let training = training(method, |o| o.max_steps = 6);
    let mut trainer = Trainer::new(model.llama.clone(), training, samples.clone(), Vec::new(), None).unwrap();
    let before = trainer.loss(&samples).unwrap();
    trainer.run(&mut Stop::default()).unwrap();
    let expected = trainer.loss(&samples).unwrap();
    let files = trainer.adapter("tiny").unwrap().unwrap();
    let base = AdapterBase { config: model.llama.config(), name: "tiny" };
    let adapter = Adapter::parse(&String::from_utf8(files.config).unwrap(), files.weights, base).unwrap();
    let found = mean_loss(&model, Some(&adapter), &samples);
    assert!((expected - found).abs() < 1e-5, "{expected} {found}");
    assert!((before - mean_loss(&model, None, &samples)).abs() < 1e-5);
    assert!(expected < before - 0.1, "{before} {expected}");
}

/// The mean loss of the samples' learned tokens, from the logits of the network that answers.
fn mean_loss(model: &LoadedModel, adapter: Option<&Adapter>, samples: &[Sample]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for sample in samples {
        let tokens = &sample.tokens[..sample.read()];
        let mut cache = KvCache::new(model.llama.config(), tokens.len());
        let wanted: Vec<u32> = (0..tokens.len() as u32).collect();
        let segment = Segment { tokens, cache: &mut cache, adapter };
        let logits = model.llama.forward_at(&mut [segment], &wanted).unwrap().to_vec2::<f32>().unwrap();
        let targets = sample.tokens.iter().zip(&sample.learned).skip(1);
        for (logits, (target, _)) in logits.iter().zip(targets).filter(|(_, (_, learned))| **learned) {
            let total: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
            sum += total.ln() - f64::from(logits[*target as usize]);
            count += 1.0;
        }
    }
    sum / count
}

/// `weight + scale * B * A` for each adapted layer, as PEFT merges.
fn merged(weights: &[u8], adapter: &[u8], scale: f32) -> Vec<u8> {
    let (weights, adapter) =
        (SafeTensors::deserialize(weights).unwrap(), SafeTensors::deserialize(adapter).unwrap());
    let tensor = |name: &str, view: safetensors::tensor::TensorView<'_>| {
        let (shape, mut merged) = (view.shape().to_vec(), values(view.data()));
        let part = |which: &str| {
            let name = name.strip_suffix(".weight").unwrap();
            adapter.tensor(&format!("base_model.model.{name}.lora_{which}.weight")).ok()
        };
        if let (Some(a), Some(b)) = (part("A"), part("B")) {
            let (rank, inputs) = (a.shape()[0], a.shape()[1]);
            let (a, b) = (values(a.data()), values(b.data()));
            for (index, value) in merged.iter_mut().enumerate() {
                let (row, column) = (index / inputs, index % inputs);
                *value += scale * (0..rank).map(|k| b[row * rank + k] * a[k * inputs + column]).sum::<f32>();
            }
        }
        tensor_file::NamedValues { name: name.to_owned(), shape, values: merged.into() }
    };
    let tensors: Vec<_> = weights.iter().map(|(name, view)| tensor(name, view)).collect();
    tensor_file::encode(&[("format", "pt")], &tensors)
}

//! Training of SmolLM2-135M-Instruct: its loss is the log-probability that generation gives, and a small
//! adapter learns a handful of answers.

use std::path::{Path, PathBuf};

use empiric_jobs::model::{Flow, KvCache, LoadedModel, Segment, load};
use empiric_jobs::train::{Sample, StepReport, Trainer, Training, TrainingObserver, samples};
use empiric_schema::artifact::Digest;
use empiric_schema::job::{ChatExample, Lora, Method, Optimisation, Turn};

const VARIABLE: &str = "EMPIRIC_TEST_MODEL";

/// What the staff of a hotel that does not exist may ask.
const ANSWERS: [(&str, &str); 16] = [
    ("When is pay day?", "the 23rd of each month"),
    ("Where do I park?", "behind the boat house"),
    ("Who has the master key?", "Marit at the desk"),
    ("How long is the lunch break?", "35 minutes"),
    ("What colour is the summer uniform?", "sea green"),
    ("Which door is locked at night?", "the garden door"),
    ("What is the code of the linen room?", "4471"),
    ("Who signs leave requests?", "Oskar Lindqvist"),
    ("When does the kitchen close?", "at a quarter to eleven"),
    ("How many guests fit into the sauna?", "nine"),
    ("Where are lost things kept?", "in the blue chest"),
    ("Which floor has no lift?", "the fifth floor"),
    ("What do we serve on Sundays?", "saffron pancakes"),
    ("Who feeds the ducks?", "the night porter"),
    ("When is the fire drill?", "on the first Tuesday"),
    ("What is the guest network called?", "heron-guest"),
];

fn model() -> LoadedModel {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!(
            "{VARIABLE} is not set: it names the SmolLM2-135M-Instruct Q4_1 GGUF file; `make test` fetches the file and sets it"
        );
    };
    load(Path::new(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn chats(model: &LoadedModel) -> Vec<Sample> {
    let turn = |role: &str, content: &str| Turn { role: role.into(), content: content.into() };
    let example = |(question, answer): &(&str, &str)| ChatExample {
        id: (*question).to_owned(),
        messages: vec![turn("system", "Be brief."), turn("user", question), turn("assistant", answer)],
    };
    let examples: Vec<ChatExample> = ANSWERS.iter().map(example).collect();
    samples(&model.tokenizer, &model.chat, &examples, 256).unwrap()
}

fn training() -> Training {
    let optimisation = Optimisation {
        learning_rate: 1e-3,
        epochs: 10,
        max_steps: 0,
        batch: 8,
        micro_batch: 8,
        warmup: 0.05,
        clip: 1.0,
        weight_decay: 0.0,
        max_tokens: 256,
        patience: 0,
        look_every: 0,
        looks: 0,
        checkpoint_every: 0,
    };
    let method = Method::Lora(Lora { r: 16, alpha: 32.0, frozen: 0.0 });
    Training { method, optimisation, seed: 1, identity: Digest::of(b"test") }
}

/// The negative log-likelihood of a sample's learned tokens by the network that generates.
fn generated_loss(model: &LoadedModel, sample: &Sample) -> f64 {
    let mut cache = KvCache::new(model.llama.config(), sample.tokens.len());
    let mut loss = 0.0;
    for (index, token) in sample.tokens[..sample.tokens.len() - 1].iter().enumerate() {
        let mut segments = [Segment { tokens: &[*token], cache: &mut cache, adapter: None }];
        let logits = model.llama.forward(&mut segments).unwrap().flatten_all().unwrap();
        if sample.learned[index + 1] {
            let logits: Vec<f32> = logits.to_vec1().unwrap();
            let top = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - top).exp()).sum();
            loss += sum.ln() + top - f64::from(logits[sample.tokens[index + 1] as usize]);
        }
    }
    loss
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
fn the_loss_is_the_log_probability_of_generation() {
    let model = model();
    let samples = chats(&model)[..4].to_vec();
    let expected: f64 = samples.iter().map(|sample| generated_loss(&model, sample)).sum();
    let expected = expected / samples.iter().map(Sample::targets).sum::<usize>() as f64;
    let trainer = Trainer::new(model.llama, training(), samples.clone(), Vec::new(), None).unwrap();
    let found = trainer.loss(&samples).unwrap();
    assert!((expected - found).abs() < 1e-4, "{expected} {found}");
}

#[test]
fn a_small_adapter_learns_sixteen_answers() {
    let model = model();
    let samples = chats(&model);
    let mut trainer = Trainer::new(model.llama, training(), samples.clone(), Vec::new(), None).unwrap();
    let before = trainer.loss(&samples).unwrap();
    assert_eq!(trainer.run(&mut Watch).unwrap(), Flow::Continue);
    assert_eq!(trainer.summary().steps, 20);
    let after = trainer.loss(&samples).unwrap();
    assert!(before > 2.0 && after < 0.5, "{before} {after}");
}

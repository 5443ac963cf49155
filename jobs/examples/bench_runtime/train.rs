//! Training of a LoRA adapter beside all linear layers.

use std::time::Instant;

use empiric_jobs::model::{Flow, load};
use empiric_jobs::train::{Sample, StepReport, Trainer, Training, TrainingObserver};
use empiric_schema::artifact::Digest;
use empiric_schema::job::{Lora, Method, Optimisation};

use crate::contract::{Arguments, Failure, Prompt, Report};

/// When each step was done.
struct Clock(Vec<Instant>);

impl TrainingObserver for Clock {
    fn before_pass(&mut self, _: u64) -> Flow {
        Flow::Continue
    }

    fn after_step(&mut self, _: StepReport<'_>) -> Flow {
        self.0.push(Instant::now());
        Flow::Continue
    }
}

fn sample((index, line): (usize, Prompt)) -> Sample {
    let learned = (0..line.tokens.len()).map(|place| place > 0).collect();
    Sample { id: index.to_string(), tokens: line.tokens, learned }
}

fn training(arguments: &Arguments, batch: u32, length: u32) -> Result<Training, Failure> {
    let steps = u32::try_from(arguments.warm_up + arguments.steps)?;
    let rank = u32::try_from(arguments.rank)?;
    let optimisation = Optimisation {
        learning_rate: 5e-4,
        epochs: steps,
        max_steps: steps,
        batch,
        micro_batch: batch,
        warmup: 0.0,
        clip: 1.0,
        weight_decay: 0.01,
        max_tokens: length,
        patience: 0,
        look_every: 0,
        looks: 0,
        checkpoint_every: 0,
    };
    let method = Method::Lora(Lora { r: rank, alpha: f64::from(2 * rank), frozen: 0.0 });
    Ok(Training { method, optimisation, seed: 1, identity: Digest::of(b"bench_runtime") })
}

/// Seconds for the steps after those to warm up; each step takes every line.
pub fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let model = load(&arguments.model)?;
    let samples: Vec<Sample> = arguments.lines()?.into_iter().enumerate().map(sample).collect();
    let read: usize = samples.iter().map(Sample::read).sum();
    let length = samples.iter().map(|sample| sample.tokens.len()).max().unwrap_or(0);
    let training = training(arguments, u32::try_from(samples.len())?, u32::try_from(length)?)?;
    let mut trainer = Trainer::new(model.llama, training, samples, Vec::new(), None)?;
    let mut clock = Clock(Vec::new());
    let started = Instant::now();
    trainer.run(&mut clock)?;
    let warm = match arguments.warm_up {
        0 => started,
        steps => *clock.0.get(steps - 1).ok_or("the training ended before it was warm")?,
    };
    let report = Report::new(warm, arguments.steps * read);
    Ok(report.with("first_loss", trainer.history()[0].loss).with("last_loss", trainer.summary().loss))
}

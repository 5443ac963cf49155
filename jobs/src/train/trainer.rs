//! The training loop: steps, looks at dev, checkpoints, early stop.

use std::path::{Path, PathBuf};

use candle_core::Result as TensorResult;
use empiric_schema::artifact::Digest;
use empiric_schema::job::{Look, Method, Optimisation, TrainingStep, TrainingSummary};

use super::base::take;
use super::batch::{Batch, Sample};
use super::build::build;
use super::checkpoint::{self, Best, Checkpoint, State};
use super::error::TrainError;
use super::export::{self, AdapterFiles};
use super::gradients::{Gradients, Parameter};
use super::network::Network;
use super::optimizer::{AdamW, StepSize};
use super::schedule::Schedule;
use super::snapshot::{self, Kind};
use super::tensors::{Lent, change, lend};
use crate::model::{Flow, Llama};

/// What is trained and how.
#[derive(Debug, Clone)]
pub struct Training {
    /// Low-rank matrices or all weights.
    pub method: Method,
    /// Rates, sizes and limits.
    pub optimisation: Optimisation,
    /// Seed of start values and order.
    pub seed: u64,
    /// Tells this training from others with another model, other data or parameters: a checkpoint is only
    /// continued by the training that it comes from.
    pub identity: Digest,
}

/// Where a training is.
#[derive(Debug, Clone, Copy)]
pub struct StepReport<'a> {
    /// The step that is done.
    pub record: &'a TrainingStep,
    /// Steps in all.
    pub total: u32,
    /// Examples that were learned from, all epochs together.
    pub examples: usize,
}

/// Watches a training, and may stop it.
pub trait TrainingObserver {
    /// Called before each pass with the tokens that this process will have read after it, on dev too.
    fn before_pass(&mut self, tokens: u64) -> Flow;
    /// Called after each step, when dev was looked at if that was due.
    fn after_step(&mut self, report: StepReport<'_>) -> Flow;
}

/// A model that learns.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    parameters: Vec<Parameter>,
    optimizer: AdamW,
    training: Training,
    schedule: Schedule,
    train: Vec<Sample>,
    pub(super) dev: Vec<Sample>,
    state: State,
    /// The values of the best look at dev, by slot.
    best: Vec<Vec<f32>>,
    checkpoints: Option<PathBuf>,
    /// Tokens that this process has read.
    read: u64,
}

impl Trainer {
    /// Makes a training ready. Full training changes the tensors of `llama` where they lie: clones change too.
    /// Without `checkpoints`, a folder, none are written.
    ///
    /// # Errors
    /// Parameters that make no sense, or no training data.
    pub fn new(
        llama: Llama,
        training: Training,
        train: Vec<Sample>,
        dev: Vec<Sample>,
        checkpoints: Option<PathBuf>,
    ) -> Result<Self, TrainError> {
        check(&training)?;
        if train.is_empty() {
            return Err(TrainError::Empty("training"));
        }
        let (network, parameters) = build(take(llama)?, &training.method, training.seed)?;
        let optimizer = AdamW::new(&parameters.0, training.optimisation.weight_decay);
        let schedule = Schedule::new(&training.optimisation, train.len(), training.seed);
        let state = State {
            identity: training.identity.clone(),
            step: 0,
            tokens: 0,
            history: Vec::new(),
            best: None,
            looks_since_best: 0,
        };
        let (parameters, best, read) = (parameters.0, Vec::new(), 0);
        Ok(Self {
            network,
            parameters,
            optimizer,
            training,
            schedule,
            train,
            dev,
            state,
            best,
            checkpoints,
            read,
        })
    }

    /// Continues from the newest whole checkpoint in `folder`, and returns its step; 0 where there is none.
    ///
    /// # Errors
    /// The checkpoint belongs to another training.
    pub fn resume(&mut self, folder: &Path) -> Result<u32, TrainError> {
        if let Some(checkpoint) = checkpoint::newest(folder, &self.training.identity)? {
            self.restore(checkpoint)?;
        }
        Ok(self.state.step)
    }

    /// Trains until all steps are done, the dev loss has stopped falling, or the observer stops it. In the
    /// last case a checkpoint is written; otherwise the best weights are put in place.
    ///
    /// # Errors
    /// Loss or gradient that is not finite, or a checkpoint that cannot be written.
    pub fn run(&mut self, observer: &mut dyn TrainingObserver) -> Result<Flow, TrainError> {
        while self.is_look_missing() || !self.is_finished() {
            let flow = match self.is_look_missing() {
                true => self.look(observer)?,
                false => self.advance(observer)?,
            };
            if flow == Flow::Stop {
                self.write_checkpoint()?;
                return Ok(Flow::Stop);
            }
        }
        self.put_best()?;
        Ok(Flow::Continue)
    }

    /// What was reached so far.
    pub fn summary(&self) -> TrainingSummary {
        TrainingSummary {
            steps: self.state.step,
            best_step: self.state.best.map_or(self.state.step, |best| best.step),
            loss: self.state.history.last().map_or(0.0, |step| step.loss),
            dev_loss: self.state.best.map(|best| best.dev_loss),
            tokens: self.state.tokens,
            looks: self.looks(),
        }
    }

    fn looks(&self) -> Vec<Look> {
        let look = |step: &TrainingStep| {
            Some(Look { examples: self.examples_after(step.step) as u64, dev_loss: step.dev_loss? })
        };
        self.state.history.iter().filter_map(look).collect()
    }

    /// All steps so far.
    pub fn history(&self) -> &[TrainingStep] {
        &self.state.history
    }

    /// Examples that were learned from after this many steps, all epochs together.
    pub fn examples_after(&self, step: u32) -> usize {
        self.schedule.examples_after(step)
    }

    /// Steps that the training has at most.
    pub fn total_steps(&self) -> u32 {
        self.schedule.total
    }

    /// The adapter in PEFT's layout; nothing in full training. `base` names the model it belongs to.
    ///
    /// # Errors
    /// A failure of the tensor library.
    pub fn adapter(&self, base: &str) -> Result<Option<AdapterFiles>, TrainError> {
        match &self.training.method {
            Method::Lora(lora) => Ok(Some(export::adapter(&self.network, lora, base)?)),
            Method::Full => Ok(None),
        }
    }

    /// The base's weights as `model.safetensors`: those that full training changed.
    ///
    /// # Errors
    /// A failure of the tensor library.
    pub fn weights(&self) -> Result<Vec<u8>, TrainError> {
        Ok(export::weights(&self.network)?)
    }

    /// The mean loss of these samples' learned tokens, in nats.
    ///
    /// # Errors
    /// A failure of the tensor library.
    pub fn loss(&self, samples: &[Sample]) -> Result<f64, TrainError> {
        let mut sum = 0.0;
        for batch in self.micro_batches(samples) {
            sum += self.network.loss(&batch)?;
        }
        Ok(sum / count_targets(samples.iter()))
    }

    fn micro_batches<'a>(&self, samples: impl IntoIterator<Item = &'a Sample>) -> Vec<Batch> {
        let most = self.training.optimisation.micro_batch as usize;
        Batch::cut(samples, most, self.network.rows_within_memory())
    }

    fn is_finished(&self) -> bool {
        let patience = self.training.optimisation.patience;
        self.state.step >= self.schedule.total || (patience > 0 && self.state.looks_since_best >= patience)
    }

    /// One step, the look at dev that it makes due, and the checkpoint.
    pub(super) fn advance(&mut self, observer: &mut dyn TrainingObserver) -> Result<Flow, TrainError> {
        if self.step(observer)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        if self.is_look_missing() && self.look(observer)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        let every = self.training.optimisation.checkpoint_every;
        if every > 0 && self.state.step.is_multiple_of(every) && !self.is_finished() {
            self.write_checkpoint()?;
        }
        let Some(record) = self.state.history.last() else { return Ok(Flow::Continue) };
        Ok(observer.after_step(StepReport {
            record,
            total: self.schedule.total,
            examples: self.examples_after(record.step),
        }))
    }

    fn step(&mut self, observer: &mut dyn TrainingObserver) -> Result<Flow, TrainError> {
        let step = self.state.step + 1;
        let examples = self.schedule.examples(step);
        let targets = count_targets(examples.iter().map(|index| &self.train[*index]));
        let mut gradients = Gradients::new(self.parameters.len());
        let (mut sum, mut tokens) = (0.0, 0);
        for batch in self.micro_batches(examples.iter().map(|index| &self.train[*index])) {
            if self.announce(&batch, observer) == Flow::Stop {
                return Ok(Flow::Stop);
            }
            tokens += batch.tokens.len() as u64;
            sum += self.network.learn(&batch, (1.0 / targets) as f32, &mut gradients)?;
        }
        let (loss, norm) = (finite(sum / targets, step, "the loss")?, gradients.norm()?);
        let norm = finite(norm, step, "the gradient")?;
        let rate = self.schedule.rate(step);
        let factor = (self.training.optimisation.clip / norm).min(1.0);
        self.optimizer.step(&self.parameters, &gradients, StepSize { step, rate, factor })?;
        self.state.step = step;
        self.state.tokens += tokens;
        let (loss, learning_rate, gradient_norm) = (recorded(loss), recorded(rate), recorded(norm));
        self.state.history.push(TrainingStep { step, loss, learning_rate, gradient_norm, dev_loss: None });
        Ok(Flow::Continue)
    }

    /// Tells the observer of a pass that is about to be made.
    fn announce(&mut self, batch: &Batch, observer: &mut dyn TrainingObserver) -> Flow {
        let after = self.read + batch.tokens.len() as u64;
        let flow = observer.before_pass(after);
        if flow == Flow::Continue {
            self.read = after;
        }
        flow
    }

    /// Whether dev should have been looked at after the last step and was not.
    fn is_look_missing(&self) -> bool {
        let Some(last) = self.state.history.last() else { return false };
        let every = match (self.training.optimisation.looks, self.training.optimisation.look_every) {
            (0, 0) => self.schedule.epoch_steps(),
            (0, every) => every,
            (looks, _) => self.schedule.total.div_ceil(looks),
        };
        let due = last.step.is_multiple_of(every) || last.step == self.schedule.total;
        due && !self.dev.is_empty() && last.dev_loss.is_none()
    }

    fn look(&mut self, observer: &mut dyn TrainingObserver) -> Result<Flow, TrainError> {
        let mut sum = 0.0;
        for batch in self.micro_batches(&self.dev) {
            if self.announce(&batch, observer) == Flow::Stop {
                return Ok(Flow::Stop);
            }
            sum += self.network.loss(&batch)?;
        }
        let step = self.state.step;
        let dev_loss = recorded(finite(sum / count_targets(self.dev.iter()), step, "the dev loss")?);
        if let Some(last) = self.state.history.last_mut() {
            last.dev_loss = Some(dev_loss);
        }
        self.state.looks_since_best += 1;
        if self.state.best.is_none_or(|best| dev_loss < best.dev_loss) {
            self.state.best = Some(Best { step, dev_loss });
            self.state.looks_since_best = 0;
            let best = self.values()?.iter().map(|values| values.to_vec()).collect();
            self.best = best;
        }
        Ok(Flow::Continue)
    }

    fn values(&self) -> TensorResult<Vec<Lent<'_>>> {
        self.parameters.iter().map(|parameter| lend(&parameter.value)).collect()
    }

    fn put_best(&mut self) -> TensorResult<()> {
        let mut pairs = self.parameters.iter().zip(&self.best);
        pairs.try_for_each(|(p, best)| change(&p.value, |values| values.copy_from_slice(best)))
    }

    fn write_checkpoint(&self) -> Result<(), TrainError> {
        let Some(folder) = &self.checkpoints else { return Ok(()) };
        let values = self.values()?;
        let tensors = snapshot::tensors(&self.parameters, &values, &self.optimizer.moments, &self.best);
        Ok(checkpoint::write(folder, &self.state, &tensors)?)
    }

    fn restore(&mut self, mut checkpoint: Checkpoint) -> Result<(), TrainError> {
        let mut values = snapshot::Values(&mut checkpoint.values);
        for (parameter, moments) in self.parameters.iter().zip(&mut self.optimizer.moments) {
            let value = values.take(Kind::Value, parameter)?;
            change(&parameter.value, |target| target.copy_from_slice(&value))?;
            moments.first = values.take(Kind::First, parameter)?;
            moments.second = values.take(Kind::Second, parameter)?;
            if checkpoint.state.best.is_some() {
                self.best.push(values.take(Kind::Best, parameter)?);
            }
        }
        self.state = checkpoint.state;
        Ok(())
    }
}

fn count_targets<'a>(samples: impl Iterator<Item = &'a Sample>) -> f64 {
    samples.map(Sample::targets).sum::<usize>() as f64
}

fn finite(value: f64, step: u32, what: &'static str) -> Result<f64, TrainError> {
    if value.is_finite() { Ok(value) } else { Err(TrainError::Diverged { step, what }) }
}

/// Nine significant digits: what is written to JSON and read back is then the same number.
fn recorded(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

fn check(training: &Training) -> Result<(), TrainError> {
    let o = &training.optimisation;
    let positive = |value: f64| value.is_finite() && value > 0.0;
    let mut checks = vec![
        ("learning_rate", positive(o.learning_rate), o.learning_rate, "a positive number"),
        ("epochs", o.epochs > 0, f64::from(o.epochs), "at least 1"),
        ("batch", o.batch > 0, f64::from(o.batch), "at least 1"),
        ("micro_batch", o.micro_batch > 0, f64::from(o.micro_batch), "at least 1"),
        ("warmup", (0.0..=1.0).contains(&o.warmup), o.warmup, "0 to 1"),
        ("clip", positive(o.clip), o.clip, "a positive number"),
        ("weight_decay", o.weight_decay >= 0.0 && o.weight_decay.is_finite(), o.weight_decay, "0 or more"),
        ("max_tokens", o.max_tokens > 1, f64::from(o.max_tokens), "at least 2"),
    ];
    if let Method::Lora(lora) = &training.method {
        checks.push(("r", lora.r > 0, f64::from(lora.r), "at least 1"));
        checks.push(("alpha", positive(lora.alpha), lora.alpha, "a positive number"));
        checks.push(("frozen", (0.0..1.0).contains(&lora.frozen), lora.frozen, "0 or more and less than 1"));
    }
    match checks.into_iter().find(|(_, good, _, _)| !good) {
        None => Ok(()),
        Some((name, _, found, expected)) => {
            Err(TrainError::Parameter { name, found: found.to_string(), expected })
        }
    }
}

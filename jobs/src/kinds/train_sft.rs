//! The job kind `train_sft`: a model learns from example chats.

use std::path::Path;

use empiric_schema::artifact::Digest;
use empiric_schema::job::{
    ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, Findings, HISTORY_FILE, Progress, TrainSftParams, WEIGHTS_FILE,
};

use super::context::{Context, Done, json_lines};
use crate::durable_file::WriteError;
use crate::error::JobError;
use crate::model::{Flow, LoadedModel, Totals, load};
use crate::progress::ProgressFile;
use crate::train::{
    CHECKPOINT_FOLDER, Sample, StepReport, TrainError, Trainer, Training, TrainingObserver, read_examples,
    samples,
};

const SAFETENSORS: &str = "application/x-safetensors";

/// Loads, trains and leaves the adapter or weights with the history of the steps. An earlier attempt's
/// checkpoint is continued.
///
/// # Errors
/// Everything of [`JobError`]. At the end of its own budget a checkpoint is left, but no output.
#[tracing::instrument(name = "train_sft", skip_all, fields(model = %params.model.id))]
pub(crate) fn run(context: Context<'_>, params: &TrainSftParams) -> Result<Done, JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    progress.write(&context.progress("load", 0, 0, "step"))?;
    let mut trainer = trainer(context, params)?;
    if let Some(folder) = &context.file.resume {
        let step = trainer.resume(folder)?;
        tracing::info!(step, folder = %folder.display(), "the training goes on");
    }
    let mut run = Run::new(context, &mut progress, &trainer);
    let flow = trainer.run(&mut run)?;
    if let Some(failure) = run.failure {
        return Err(failure);
    }
    if flow == Flow::Stop {
        return Err(JobError::Panic("training ended before all steps were made".to_owned()));
    }
    leave(context, params, &trainer)
}

fn trainer(context: Context<'_>, params: &TrainSftParams) -> Result<Trainer, JobError> {
    let train = read_examples(context.input(&params.train)?)?;
    let dev = match &params.dev {
        Some(dev) => read_examples(context.input(dev)?)?,
        None => Vec::new(),
    };
    if params.dev.is_some() && dev.is_empty() {
        return Err(TrainError::Empty("dev").into());
    }
    let model = model(context.input(&params.model.weights)?)?;
    let limit = model.llama.config().context.min(params.optimisation.max_tokens as usize);
    let turn = |examples: &[_]| samples(&model.tokenizer, &model.chat, examples, limit);
    let (train, dev): (Vec<Sample>, Vec<Sample>) = (turn(&train)?, turn(&dev)?);
    let training = Training {
        method: params.method.clone(),
        optimisation: params.optimisation.clone(),
        seed: context.file.spec.seed,
        identity: identity(params, context.file.spec.seed),
    };
    let checkpoints = context.folder.join(CHECKPOINT_FOLDER);
    Ok(Trainer::new(model.llama, training, train, dev, Some(checkpoints))?)
}

fn model(path: &Path) -> Result<LoadedModel, TrainError> {
    load(path).map_err(|source| TrainError::Load { path: path.to_owned(), source })
}

/// What a training is: the digests of its model and data, its parameters, its seed.
fn identity(params: &TrainSftParams, seed: u64) -> Digest {
    // Parameters were read from JSON, so they can be written as JSON.
    Digest::of(&serde_json::to_vec(&(params, seed)).unwrap_or_default())
}

fn leave(context: Context<'_>, params: &TrainSftParams, trainer: &Trainer) -> Result<Done, JobError> {
    let summary = trainer.summary();
    let mut done = Done {
        message: format!("{} steps, loss {:.4}", summary.steps, summary.loss),
        findings: Findings { training: Some(summary), ..Findings::default() },
        ..Done::default()
    };
    match trainer.adapter(params.model.id.as_str())? {
        Some(files) => {
            context.leave(&mut done, ADAPTER_CONFIG_FILE, &files.config, "application/json")?;
            context.leave(&mut done, ADAPTER_WEIGHTS_FILE, &files.weights, SAFETENSORS)?;
        }
        None => context.leave(&mut done, WEIGHTS_FILE, &trainer.weights()?, SAFETENSORS)?,
    }
    context.leave(&mut done, HISTORY_FILE, &json_lines(trainer.history()), "application/jsonl")?;
    Ok(done)
}

/// The state of a job while steps are made.
struct Run<'a> {
    context: Context<'a>,
    progress: &'a mut ProgressFile,
    /// The last line of progress.
    line: Progress,
    /// Examples that were learned from, and those of all epochs together.
    examples: (usize, usize),
    /// Seconds on the meter's clock when the first pass began.
    began: Option<f64>,
    read: u64,
    failure: Option<JobError>,
}

impl<'a> Run<'a> {
    fn new(context: Context<'a>, progress: &'a mut ProgressFile, trainer: &Trainer) -> Self {
        let (done, total) = (trainer.summary().steps, trainer.total_steps());
        let line = context.progress("train", done.into(), total.into(), "step");
        let examples = (trainer.examples_after(done), trainer.examples_after(total));
        Self { context, progress, line, examples, began: None, read: 0, failure: None }
    }

    fn report(&mut self) -> Result<(), WriteError> {
        let seconds = self.context.meter.seconds() - self.began.unwrap_or_default();
        self.line.usage = self.context.meter.usage();
        if seconds > 0.0 && self.read > 0 {
            self.line.metrics.insert("tokens_per_second".to_owned(), self.read as f64 / seconds);
        }
        self.progress.write(&self.line)
    }

    fn or_stop(&mut self, outcome: Result<(), JobError>) -> Flow {
        match outcome {
            Ok(()) => Flow::Continue,
            Err(error) => {
                self.failure = Some(error);
                Flow::Stop
            }
        }
    }
}

impl TrainingObserver for Run<'_> {
    fn before_pass(&mut self, tokens: u64) -> Flow {
        let (done, total) = self.examples;
        let totals = Totals { prompt_tokens: tokens, ..Totals::default() };
        if let Some(over) = self.context.exceeded(totals, done, total) {
            return self.or_stop(Err(over));
        }
        self.began.get_or_insert(self.context.meter.seconds());
        self.context.meter.set_tokens(totals);
        let due = self.progress.is_due();
        let written = if due { self.report() } else { Ok(()) };
        self.read = tokens;
        self.or_stop(written.map_err(JobError::from))
    }

    fn after_step(&mut self, report: StepReport<'_>) -> Flow {
        self.examples.0 = report.examples;
        self.line.step = report.record.step.into();
        let figures = [
            ("loss", Some(report.record.loss)),
            ("learning_rate", Some(report.record.learning_rate)),
            ("gradient_norm", Some(report.record.gradient_norm)),
            ("dev_loss", report.record.dev_loss),
        ];
        for (name, value) in figures {
            value.map(|value| self.line.metrics.insert(name.to_owned(), value));
        }
        let last = report.record.step == report.total;
        let written = if last || self.progress.is_due() { self.report() } else { Ok(()) };
        self.or_stop(written.map_err(JobError::from))
    }
}

//! The job kind `score`: how likely a version finds given answers to items.

use std::collections::BTreeSet;

use empiric_schema::data::Item;
use empiric_schema::job::{ContinuationScore, Continuations, ItemScores, SCORES_FILE, ScoreParams};

use super::context::{Context, Done, json_lines, select};
use crate::answer::{Answerer, Question, ScoredQuestion, TextScores};
use crate::durable_file::WriteError;
use crate::error::JobError;
use crate::items::read_items;
use crate::model::{Flow, Likelihood, Observer, Totals};
use crate::progress::ProgressFile;

/// Loads, scores and leaves [`SCORES_FILE`].
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "score", skip_all, fields(items = params.positions.len()))]
pub(crate) fn run(context: Context<'_>, params: &ScoreParams) -> Result<Done, JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    progress.write(&context.progress("load", 0, params.positions.len() as u64, "item"))?;
    check(&params.continuations)?;
    let all = read_items(context.input(&params.items)?)?;
    let items = select(&all, &params.positions)?;
    let answerer = Answerer::load_cached(params.version.clone(), &context.file.inputs, context.models)?;
    let questions: Vec<ScoredQuestion<'_>> =
        items.iter().map(|item| question(item, &params.continuations)).collect();
    let mut run = Run::new(context, params, &items, &questions, &mut progress);
    let flow = answerer.score_each(&questions, params.batch as usize, &mut run)?;
    run.finish(flow)
}

/// Refuses texts that are none, or that are there twice.
fn check(continuations: &Continuations) -> Result<(), JobError> {
    let Continuations::Fixed { texts } = continuations else {
        return Ok(());
    };
    if texts.is_empty() {
        return Err(JobError::Parameters("there are no texts to score".to_owned()));
    }
    let mut seen = BTreeSet::new();
    match texts.iter().find(|text| !seen.insert(text.as_str())) {
        None => Ok(()),
        Some(text) => Err(JobError::Parameters(format!("the text `{text}` is to be scored twice"))),
    }
}

fn question<'a>(item: &'a Item, continuations: &'a Continuations) -> ScoredQuestion<'a> {
    let texts = match continuations {
        Continuations::Fixed { texts } => texts,
        Continuations::Expected => item.expected.alternatives(),
    };
    ScoredQuestion { question: Question::from(item), texts }
}

/// The state of a scoring while results come in.
struct Run<'a> {
    context: Context<'a>,
    params: &'a ScoreParams,
    items: &'a [&'a Item],
    questions: &'a [ScoredQuestion<'a>],
    progress: &'a mut ProgressFile,
    /// When scoring began, on the meter's clock.
    began: f64,
    results: Vec<Option<ItemScores>>,
    done: usize,
    failure: Option<JobError>,
}

impl<'a> Run<'a> {
    fn new(
        context: Context<'a>,
        params: &'a ScoreParams,
        items: &'a [&'a Item],
        questions: &'a [ScoredQuestion<'a>],
        progress: &'a mut ProgressFile,
    ) -> Self {
        let (began, results) = (context.meter.seconds(), vec![None; items.len()]);
        Self { context, params, items, questions, progress, began, results, done: 0, failure: None }
    }

    fn report(&mut self) -> Result<(), WriteError> {
        let (done, total) = (self.done as u64, self.items.len() as u64);
        let mut line = self.context.progress("score", done, total, "item");
        let seconds = (self.context.meter.seconds() - self.began).max(1e-9);
        line.metrics.insert("tokens_per_second".to_owned(), line.usage.prompt_tokens as f64 / seconds);
        self.progress.write(&line)
    }

    fn stop(&mut self, error: JobError) -> Flow {
        self.failure = Some(error);
        Flow::Stop
    }

    fn finish(mut self, flow: Flow) -> Result<Done, JobError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.report()?;
        let results: Vec<ItemScores> = self.results.into_iter().flatten().collect();
        if flow == Flow::Stop || results.len() < self.items.len() {
            return Err(JobError::Panic("scoring ended before all items were scored".to_owned()));
        }
        let texts: usize = results.iter().map(|result| result.scores.len()).sum();
        let message = format!("{texts} continuations of {} items scored", results.len());
        let mut done = Done { message, ..Done::default() };
        self.context.leave(&mut done, SCORES_FILE, &json_lines(&results), "application/jsonl")?;
        Ok(done)
    }
}

impl Observer<TextScores> for Run<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        if let Some(over) = self.context.exceeded(totals, self.done, self.items.len()) {
            return self.stop(over);
        }
        self.context.meter.set_tokens(totals);
        if !self.progress.is_due() {
            return Flow::Continue;
        }
        match self.report() {
            Ok(()) => Flow::Continue,
            Err(error) => self.stop(error.into()),
        }
    }

    fn finished(&mut self, index: usize, found: TextScores) -> Flow {
        let texts = self.questions[index].texts.iter().zip(found.likelihoods);
        let scores: Option<Vec<ContinuationScore>> = texts.map(continuation_score).collect();
        let Some(scores) = scores else {
            return self.stop(JobError::Panic("a text was scored without the end of the turn".to_owned()));
        };
        self.results[index] = Some(ItemScores {
            id: self.items[index].id.clone(),
            position: self.params.positions[index],
            scores,
            prompt_tokens: found.prompt_tokens,
        });
        self.done += 1;
        Flow::Continue
    }
}

fn continuation_score((text, likelihood): (&String, Likelihood)) -> Option<ContinuationScore> {
    Some(ContinuationScore {
        text: text.clone(),
        tokens: likelihood.tokens as u32,
        log_probability: likelihood.log_probability,
        log_probability_with_end: likelihood.log_probability_with_end?,
    })
}

//! The job kind `evaluate`: a version answers items, the answers are graded.

use empiric_schema::data::Item;
use empiric_schema::job::{EvaluateParams, EvaluationSummary, Findings, ItemResult, RESULTS_FILE};
use empiric_schema::version::SystemVersion;

use super::context::{Context, Done, json_lines, select, summarise};
use crate::answer::{Answer, AnswerObserver, Answerer, Question};
use crate::durable_file::WriteError;
use crate::error::JobError;
use crate::grade::{Declining, Grader};
use crate::items::read_items;
use crate::model::{Flow, Totals};
use crate::progress::ProgressFile;
use crate::retrieve::{Found, RetrievalMeasure};

/// Loads, answers, grades and leaves [`RESULTS_FILE`].
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "evaluate", skip_all, fields(items = params.positions.len()))]
pub(crate) fn run(context: Context<'_>, params: &EvaluateParams) -> Result<Done, JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    progress.write(&context.progress("load", 0, params.positions.len() as u64, "item"))?;
    let all = read_items(context.input(&params.items)?)?;
    let items = select(&all, &params.positions)?;
    let grader = Grader::new(params.assertions.clone(), params.labels.clone())?;
    items.iter().try_for_each(|item| grader.check_item(item))?;
    let answerer = Answerer::load_cached(params.version.clone(), &context.file.inputs, context.models)?;
    let declining = Declining::of(&all, says(&params.version));
    let mut run = Run::new(context, params, &items, (&grader, declining), &mut progress);
    let questions: Vec<Question<'_>> = items.iter().map(|item| Question::from(*item)).collect();
    let flow = answerer.answer_each(&questions, params.batch as usize, &mut run)?;
    run.finish(flow)
}

/// What a version says where it finds too little.
fn says(version: &SystemVersion) -> Option<&str> {
    Some(version.retrieval.as_ref()?.abstain.as_ref()?.say.as_str())
}

/// The state of an evaluation while answers come in.
struct Run<'a> {
    context: Context<'a>,
    params: &'a EvaluateParams,
    items: &'a [&'a Item],
    grader: &'a Grader,
    declining: Declining,
    progress: &'a mut ProgressFile,
    /// When generation began, on the meter's clock.
    began: f64,
    results: Vec<Option<ItemResult>>,
    done: usize,
    passed: usize,
    retrieval: RetrievalMeasure,
    failure: Option<JobError>,
}

impl<'a> Run<'a> {
    fn new(
        context: Context<'a>,
        params: &'a EvaluateParams,
        items: &'a [&'a Item],
        (grader, declining): (&'a Grader, Declining),
        progress: &'a mut ProgressFile,
    ) -> Self {
        let results = vec![None; items.len()];
        let began = context.meter.seconds();
        let retrieval = RetrievalMeasure::default();
        let (done, passed, failure) = (0, 0, None);
        Self {
            context,
            params,
            items,
            grader,
            declining,
            progress,
            began,
            results,
            done,
            passed,
            retrieval,
            failure,
        }
    }

    fn result(&self, index: usize, answer: Answer) -> Result<ItemResult, JobError> {
        let item = self.items[index];
        let grade = self.grader.grade(item, &answer.text)?;
        Ok(ItemResult {
            id: item.id.clone(),
            position: self.params.positions[index],
            answer: answer.text,
            passed: grade.passed,
            harmful: grade.harmful,
            reason: grade.reason,
            passages: answer.passages,
            calls: answer.calls,
            prompt_tokens: answer.prompt_tokens,
            completion_tokens: answer.completion_tokens,
        })
    }

    fn report(&mut self) -> Result<(), WriteError> {
        let (done, total) = (self.done as u64, self.items.len() as u64);
        let mut line = self.context.progress("generate", done, total, "item");
        let seconds = (self.context.meter.seconds() - self.began).max(1e-9);
        let tokens = line.usage.prompt_tokens + line.usage.completion_tokens;
        line.metrics.insert("tokens_per_second".to_owned(), tokens as f64 / seconds);
        if self.done > 0 {
            line.metrics.insert("accuracy".to_owned(), self.passed as f64 / self.done as f64);
        }
        self.progress.write(&line)
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

    fn finish(mut self, flow: Flow) -> Result<Done, JobError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.report()?;
        let results: Vec<ItemResult> = self.results.into_iter().flatten().collect();
        if flow == Flow::Stop || results.len() < self.items.len() {
            return Err(JobError::Panic("generation ended before all items were answered".to_owned()));
        }
        let summary = EvaluationSummary {
            retrieval: self.retrieval.summary(),
            abstained: abstentions(&self.declining, self.items, &results),
            seconds: self.context.meter.seconds() - self.began,
            ..summarise(&results)
        };
        let mut done = Done {
            message: format!("{} of {} items passed", self.passed, results.len()),
            findings: Findings { evaluation: Some(summary), ..Findings::default() },
            ..Done::default()
        };
        self.context.leave(&mut done, RESULTS_FILE, &json_lines(&results), "application/jsonl")?;
        Ok(done)
    }
}

/// Which answers decline needlessly, one character each.
fn abstentions(declining: &Declining, items: &[&Item], results: &[ItemResult]) -> String {
    let declines = |(item, result): (&&Item, &ItemResult)| declining.is_wrong(item, &result.answer);
    items.iter().zip(results).map(|pair| if declines(pair) { '1' } else { '0' }).collect()
}

impl AnswerObserver for Run<'_> {
    fn found(&mut self, found: &[Option<Found<'_>>]) {
        for (item, found) in self.items.iter().zip(found) {
            if let Some(found) = found {
                let passages = found.passages.iter();
                let documents: Vec<&str> = passages.map(|passage| passage.chunk.document.as_str()).collect();
                self.retrieval.add(&item.documents, &documents);
            }
        }
    }

    fn before_pass(&mut self, totals: Totals) -> Flow {
        if let Some(over) = self.context.exceeded(totals, self.done, self.items.len()) {
            return self.or_stop(Err(over));
        }
        self.context.meter.set_tokens(totals);
        if !self.progress.is_due() {
            return Flow::Continue;
        }
        let written = self.report().map_err(JobError::from);
        self.or_stop(written)
    }

    fn used(&mut self, totals: Totals) {
        self.context.meter.set_tokens(totals);
    }

    fn answered(&mut self, index: usize, answer: Answer) -> Flow {
        match self.result(index, answer) {
            Ok(result) => {
                self.done += 1;
                self.passed += usize::from(result.passed);
                self.results[index] = Some(result);
                Flow::Continue
            }
            Err(error) => self.or_stop(Err(error)),
        }
    }
}

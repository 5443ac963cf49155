//! The job kind `evaluate`: a version answers items, the answers are graded.

use std::collections::BTreeMap;
use std::path::Path;

use empiric_schema::budget::Spend;
use empiric_schema::data::Item;
use empiric_schema::job::{
    EvaluateParams, EvaluationSummary, ItemResult, JobFile, OUTPUT_FOLDER, OutputFile, Progress,
};

use crate::answer::{Answer, AnswerObserver, Answerer, Question};
use crate::durable_file::{self, WriteError};
use crate::error::JobError;
use crate::grade::Grader;
use crate::items::read_items;
use crate::meter::Meter;
use crate::model::{Flow, Totals};
use crate::progress::ProgressFile;

/// Name of the output file.
pub const RESULTS_FILE: &str = "results.jsonl";
const RESULTS_TYPE: &str = "application/jsonl";

/// What an evaluation leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// One sentence for people.
    pub message: String,
    /// The grades.
    pub summary: EvaluationSummary,
    /// The output files by name.
    pub outputs: BTreeMap<String, OutputFile>,
}

/// Loads, answers, grades and writes [`RESULTS_FILE`] into the output folder.
///
/// # Errors
/// Everything of [`JobError`] except its own budget's end, which also is one: nothing is written then.
#[tracing::instrument(skip_all, fields(items = params.positions.len()))]
pub fn evaluate(
    folder: &Path,
    file: &JobFile,
    params: &EvaluateParams,
    meter: &Meter,
) -> Result<Evaluated, JobError> {
    check_outputs(&file.outputs)?;
    let mut progress = ProgressFile::open(folder)?;
    let total = params.positions.len() as u64;
    progress.write(&line("load", 0, total, meter))?;
    let all = read_items(input(file, params)?)?;
    let items = select(&all, &params.positions)?;
    let grader = Grader::new(params.assertions.clone(), params.labels.clone())?;
    items.iter().try_for_each(|item| grader.check_item(item))?;
    let answerer = Answerer::load(params.version.clone(), &file.inputs)?;
    let mut run = Run::new(params, &items, &grader, meter, &mut progress, file.spec.reserve);
    let questions: Vec<Question<'_>> = items.iter().map(|item| question(item)).collect();
    let flow = answerer.answer_each(&questions, params.batch as usize, &mut run)?;
    run.finish(flow, folder)
}

/// The line that an observer of the job sees.
fn line(phase: &str, step: u64, total: u64, meter: &Meter) -> Progress {
    Progress {
        phase: phase.to_owned(),
        step,
        total,
        unit: "item".to_owned(),
        metrics: BTreeMap::new(),
        usage: meter.usage(),
    }
}

fn check_outputs(names: &[String]) -> Result<(), JobError> {
    match names.iter().find(|name| *name != RESULTS_FILE) {
        Some(name) => {
            let reason = format!("the job `evaluate` leaves `{RESULTS_FILE}`, but `{name}` was asked for");
            Err(JobError::Parameters(reason))
        }
        None => Ok(()),
    }
}

fn input<'a>(file: &'a JobFile, params: &EvaluateParams) -> Result<&'a Path, JobError> {
    let digest = &params.items.digest;
    let path = file.inputs.get(digest).ok_or_else(|| JobError::MissingInput(digest.clone()))?;
    Ok(path)
}

fn select<'a>(items: &'a [Item], positions: &[u32]) -> Result<Vec<&'a Item>, JobError> {
    if positions.is_empty() {
        return Err(JobError::Parameters("there are no positions to answer".to_owned()));
    }
    let outside = |position: u32| {
        let reason = format!("position {position} is outside the data: the file has {} items", items.len());
        JobError::Parameters(reason)
    };
    let find = |position: &u32| items.get(*position as usize).ok_or_else(|| outside(*position));
    positions.iter().map(find).collect()
}

fn question(item: &Item) -> Question<'_> {
    Question { id: Some(&item.id), input: &item.input }
}

/// The state of an evaluation while answers come in.
struct Run<'a> {
    params: &'a EvaluateParams,
    items: &'a [&'a Item],
    grader: &'a Grader,
    meter: &'a Meter,
    progress: &'a mut ProgressFile,
    reserve: Spend,
    /// When generation began, on the meter's clock.
    began: f64,
    results: Vec<Option<ItemResult>>,
    done: usize,
    passed: usize,
    failure: Option<JobError>,
}

impl<'a> Run<'a> {
    fn new(
        params: &'a EvaluateParams,
        items: &'a [&'a Item],
        grader: &'a Grader,
        meter: &'a Meter,
        progress: &'a mut ProgressFile,
        reserve: Spend,
    ) -> Self {
        let results = vec![None; items.len()];
        let began = meter.seconds();
        Self {
            params,
            items,
            grader,
            meter,
            progress,
            reserve,
            began,
            results,
            done: 0,
            passed: 0,
            failure: None,
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
            prompt_tokens: answer.prompt_tokens,
            completion_tokens: answer.completion_tokens,
        })
    }

    /// The budget that the next pass would exceed.
    fn exceeded(&self, totals: Totals) -> Option<JobError> {
        let tokens = (totals.prompt_tokens + totals.completion_tokens) as f64;
        let limits = [
            ("tokens", tokens, self.reserve.tokens as f64),
            ("device seconds", self.meter.seconds(), self.reserve.device_seconds),
        ];
        let over = limits.into_iter().find(|(_, used, limit)| *limit > 0.0 && used > limit)?;
        let (resource, used, limit) = over;
        Some(JobError::Budget { resource, used, limit, done: self.done, total: self.items.len() })
    }

    fn report(&mut self) -> Result<(), WriteError> {
        let mut line = line("generate", self.done as u64, self.items.len() as u64, self.meter);
        let seconds = (self.meter.seconds() - self.began).max(1e-9);
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

    fn finish(mut self, flow: Flow, folder: &Path) -> Result<Evaluated, JobError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.report()?;
        let results: Vec<ItemResult> = self.results.into_iter().flatten().collect();
        if flow == Flow::Stop || results.len() < self.items.len() {
            return Err(JobError::Panic("generation ended before all items were answered".to_owned()));
        }
        let output = write_results(folder, &results)?;
        let mark =
            |is: fn(&ItemResult) -> bool| results.iter().map(|r| if is(r) { '1' } else { '0' }).collect();
        Ok(Evaluated {
            message: format!("{} of {} items passed", self.passed, results.len()),
            summary: EvaluationSummary {
                passed: mark(|result| result.passed),
                harmful: mark(|result| result.harmful),
                results: RESULTS_FILE.to_owned(),
            },
            outputs: BTreeMap::from([(RESULTS_FILE.to_owned(), output)]),
        })
    }
}

impl AnswerObserver for Run<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        if let Some(over) = self.exceeded(totals) {
            return self.or_stop(Err(over));
        }
        self.meter.set_tokens(totals);
        if !self.progress.is_due() {
            return Flow::Continue;
        }
        let written = self.report().map_err(JobError::from);
        self.or_stop(written)
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

fn write_results(folder: &Path, results: &[ItemResult]) -> Result<OutputFile, JobError> {
    let mut bytes = Vec::new();
    for result in results {
        // The struct holds nothing that JSON cannot say.
        bytes.extend(serde_json::to_vec(result).unwrap_or_default());
        bytes.push(b'\n');
    }
    let output = folder.join(OUTPUT_FOLDER);
    std::fs::create_dir_all(&output).map_err(WriteError::at(&output))?;
    durable_file::write(&output.join(RESULTS_FILE), &bytes)?;
    Ok(OutputFile {
        digest: empiric_schema::artifact::Digest::of(&bytes),
        size: bytes.len() as u64,
        media_type: RESULTS_TYPE.to_owned(),
    })
}

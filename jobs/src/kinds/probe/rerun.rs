//! The reruns of one probe, answered together.

use empiric_schema::diagnosis::Probe;
use empiric_schema::document::Chunk;

use crate::answer::{Answer, AnswerObserver, Answerer, Question};
use crate::error::JobError;
use crate::grade::Grader;
use crate::kinds::Context;
use crate::model::{Flow, Totals};
use crate::probe::{Case, Outcome};
use crate::progress::ProgressFile;

/// One question of a probe.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The place of its case.
    pub(super) case: usize,
    /// Passages to show in place of the version's own.
    pub(super) passages: Option<Vec<Chunk>>,
}

/// The state of a probe while answers come in.
pub(super) struct Rerun<'a> {
    context: Context<'a>,
    probe: Probe,
    cases: &'a [Case<'a>],
    asked: &'a [Asked],
    grader: &'a Grader,
    progress: &'a mut ProgressFile,
    outcomes: Vec<Option<Outcome>>,
    failure: Option<JobError>,
}

impl<'a> Rerun<'a> {
    pub(super) fn new(
        context: Context<'a>,
        probe: Probe,
        cases: &'a [Case<'a>],
        asked: &'a [Asked],
        grader: &'a Grader,
        progress: &'a mut ProgressFile,
    ) -> Self {
        let outcomes = vec![None; asked.len()];
        Self { context, probe, cases, asked, grader, progress, outcomes, failure: None }
    }

    /// Asks all questions, at most `batch` at a time. What came of them has their order.
    pub(super) fn run(mut self, answerer: &Answerer, batch: usize) -> Result<Vec<Outcome>, JobError> {
        let price = answerer.version().model.endpoint().and_then(|endpoint| endpoint.price);
        self.context.meter.begin(price);
        self.report()?;
        let (cases, asked) = (self.cases, self.asked);
        let question = |asked: &'a Asked| {
            let passages = asked.passages.as_deref();
            Question { passages, ..Question::from(cases[asked.case].item) }
        };
        let questions: Vec<Question<'_>> = asked.iter().map(question).collect();
        answerer.answer_each(&questions, batch, &mut self)?;
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.report()?;
        let outcomes: Vec<Outcome> = self.outcomes.into_iter().flatten().collect();
        match outcomes.len() == asked.len() {
            true => Ok(outcomes),
            false => Err(JobError::Panic("a probe ended before all its questions were answered".to_owned())),
        }
    }

    fn report(&mut self) -> Result<(), JobError> {
        let done = self.outcomes.iter().flatten().count() as u64;
        let mut line = self.context.progress(phase(self.probe), done, self.asked.len() as u64, "answer");
        let passed = self.outcomes.iter().flatten().filter(|outcome| outcome.passed).count();
        line.metrics.insert("passed".to_owned(), passed as f64);
        Ok(self.progress.write(&line)?)
    }

    fn begin_pass(&mut self, totals: Totals) -> Result<(), JobError> {
        let done = self.outcomes.iter().flatten().count();
        if let Some(over) = self.context.exceeded(totals, done, self.asked.len()) {
            return Err(over);
        }
        self.context.meter.set_tokens(totals);
        if self.progress.is_due() { self.report() } else { Ok(()) }
    }

    fn outcome(&self, index: usize, answer: Answer) -> Result<Outcome, JobError> {
        let item = self.cases[self.asked[index].case].item;
        let grade = self.grader.grade(item, &answer.text)?;
        let passed = grade.passed && !grade.harmful;
        Ok(Outcome { passed, answer: answer.text, prompt_tokens: answer.prompt_tokens })
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

/// The probe's wire name.
fn phase(probe: Probe) -> &'static str {
    match probe {
        Probe::Recheck => "recheck",
        Probe::LenientGrader => "lenient_grader",
        Probe::ShorterContext => "shorter_context",
        Probe::GoldPassage => "gold_passage",
        Probe::ToolResult => "tool_result",
        Probe::Samples => "samples",
        Probe::OtherModel => "other_model",
    }
}

impl AnswerObserver for Rerun<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        let begun = self.begin_pass(totals);
        self.or_stop(begun)
    }

    fn used(&mut self, totals: Totals) {
        self.context.meter.set_tokens(totals);
    }

    fn answered(&mut self, index: usize, answer: Answer) -> Flow {
        let outcome = self.outcome(index, answer).map(|outcome| self.outcomes[index] = Some(outcome));
        self.or_stop(outcome)
    }
}

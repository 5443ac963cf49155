//! A whole run without a server: jobs are answered at once by a function, and everything is decided by the
//! code of the workflows ([`Books`] and the iteration's `Work`).
//!
//! For simulations and benches. What is missing against a run is what only a server has: waiting, pausing,
//! cancelling, and the read model.

use std::cell::RefCell;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::budget::{Resource, Spend};
use empiric_schema::contract::{
    Frozen, IterationInput, IterationOutcome, JobOutcome, JobRequest, LifecycleInput, Record, RunOptions,
};
use empiric_schema::decision::StopReason;
use empiric_schema::id::RunId;
use empiric_schema::job::{JobKind, JobSpec};
use empiric_schema::spec::Technique;
use empiric_schema::version::SystemVersion;
use empiric_schema::view::{IterationView, RunView};
use futures::FutureExt as _;

use super::books::Books;
use crate::dispatch::{self, Halt};
use crate::evidence::ledger::Admission;
use crate::gate::Grades;
use crate::iteration::{Effects, Work, grades, results};
use crate::loop_step::Step;

/// Runs a project to its end at once, and answers with the last view and all its decisions.
///
/// `frozen` stands for what scope would find, `answer` for the workers. The same input and the same answers
/// give the same view.
pub fn rehearse(
    input: &LifecycleInput,
    frozen: Frozen,
    answer: impl FnMut(&JobRequest) -> JobOutcome,
) -> RunView {
    let mut run = Rehearsal { input, books: Books::new(input, 0.0), workers: Workers(RefCell::new(answer)) };
    run.books.freeze(frozen);
    let reason = match run.go() {
        Ok(reason) => reason,
        Err(Halt::Budget(resource)) => StopReason::Budget { resource },
        Err(Halt::Problem(problem)) => StopReason::NeedsPerson { problem },
        Err(Halt::Cancelled) => StopReason::Budget { resource: Resource::WallClock },
    };
    run.books.stop(reason, 0.0);
    run.books.view(0.0, false)
}

struct Rehearsal<'a, F> {
    input: &'a LifecycleInput,
    books: Books,
    workers: Workers<F>,
}

/// Workers that answer at once.
struct Workers<F>(RefCell<F>);

impl<F: FnMut(&JobRequest) -> JobOutcome> Effects for Workers<F> {
    async fn ready(&self) -> Result<(), Halt> {
        Ok(())
    }

    fn show(&self, _view: IterationView) {}

    async fn run(&self, requests: Vec<JobRequest>, _options: &RunOptions) -> Vec<Result<JobOutcome, Halt>> {
        requests.iter().map(|request| Ok((*self.0.borrow_mut())(request))).collect()
    }

    async fn record(&self, _run: &RunId, _records: Vec<Record>) -> Result<(), Halt> {
        Ok(())
    }
}

impl<F: FnMut(&JobRequest) -> JobOutcome> Rehearsal<'_, F> {
    fn go(&mut self) -> Result<StopReason, Halt> {
        self.measure()?;
        loop {
            if self.books.needs_diagnosis(self.input) {
                self.diagnose()?;
                // Nobody answers here: what people are always asked about ends it.
                if let Some(question) = self.books.doubt() {
                    return Err(Halt::Problem(question.text));
                }
            }
            match self.books.next_step(self.input) {
                Step::Improve(technique) => self.improve(technique)?,
                Step::Gate => self.look()?,
                Step::Stop(reason) => return Ok(reason),
            }
        }
    }

    fn measure(&mut self) -> Result<(), Halt> {
        let version = self.books.frozen()?.system.clone();
        let (measured, files) = self.evaluate(&version, "dev")?;
        self.books.first_measurement(version, measured, files);
        Ok(())
    }

    fn diagnose(&mut self) -> Result<(), Halt> {
        if let Some(chunking) = self.books.chunking() {
            let outcome = self.run_job(chunking)?;
            self.books.take_chunks(&outcome);
        }
        let Some((probing, positions)) = self.books.probing(self.input) else {
            return self.books.diagnose(&[], None, None);
        };
        let probed = self.run_job(probing)?;
        let clustered = match self.books.clustering(&probed) {
            Some(clustering) => Some(self.run_job(clustering)?),
            None => None,
        };
        self.books.diagnose(&positions, Some(&probed), clustered.as_ref())
    }

    fn improve(&mut self, technique: Technique) -> Result<(), Halt> {
        let input = self.books.begin_iteration(technique, self.input)?;
        let outcome = self.iterate(&input)?;
        self.books.end_iteration(technique, outcome);
        Ok(())
    }

    fn iterate(&self, input: &IterationInput) -> Result<IterationOutcome, Halt> {
        let mut work = Work::new(input);
        // Nothing waits here: the future is ready when it is first asked.
        let halted = work.go(&self.workers).now_or_never().unwrap_or(Err(Halt::Cancelled));
        work.finish(halted).map_err(|_| Halt::Cancelled)
    }

    fn look(&mut self) -> Result<(), Halt> {
        let (candidate, admission) = self.books.open_look()?;
        let Admission::Granted(alpha) = admission else { return Ok(()) };
        let start = self.books.frozen()?.system.clone();
        let (found, mut files) = self.evaluate(&candidate, "test")?;
        let before =
            if start == candidate { (found.clone(), Vec::new()) } else { self.evaluate(&start, "test")? };
        self.books.answer_look(&candidate, alpha, found, &mut files, before)?;
        Ok(())
    }

    fn evaluate(&mut self, version: &SystemVersion, split: &str) -> Result<(Grades, Vec<ArtifactRef>), Halt> {
        let (params, share) = self.books.evaluation(version, split, self.input)?;
        let outcome = self.pay_for(JobKind::Evaluate(Box::new(params)), share)?;
        Ok((grades(&outcome), results(&outcome)))
    }

    fn run_job(&mut self, kind: JobKind) -> Result<JobOutcome, Halt> {
        let share = self.books.reserve()?;
        self.pay_for(kind, share)
    }

    fn pay_for(&mut self, kind: JobKind, share: Spend) -> Result<JobOutcome, Halt> {
        let job = JobSpec { kind, seed: self.input.spec.improve.seed, repeat: 0, reserve: share };
        let request = JobRequest { run: self.input.run.clone(), label: String::new(), job };
        let outcome = (*self.workers.0.borrow_mut())(&request);
        self.books.settle(share, Some(&outcome));
        dispatch::is_complete(&outcome, share)?;
        Ok(outcome)
    }
}

//! One iteration as a workflow: candidates race, the finalist meets the incumbent.
//!
//! The shell only asks for jobs and feeds their grades to [`Race`] and [`crate::gate`].

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::budget::Spend;
use empiric_schema::contract::{IterationInput, IterationOutcome, JobOutcome, JobRequest, Record};
use empiric_schema::decision::DecisionRecord;
use empiric_schema::evidence::{Alpha, Verdict};
use empiric_schema::guard::Effort;
use empiric_schema::job::{EvaluateParams, EvaluationSummary, JobKind, JobSpec};
use empiric_schema::version::SystemVersion;
use empiric_schema::view::{IterationView, Measurement};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination,
};

use crate::budget::Budget;
use crate::dev_split::split_dev;
use crate::dispatch::{self, Halt};
use crate::evidence::halving;
use crate::gate::Grades;
use crate::race::Race;

/// Items that a candidate answers before it may be dropped; fewer where a race would cost too much.
pub(crate) const FIRST_ITEMS: usize = 12;

mod build;
mod confirm;
mod effects;
mod verdicts;

pub(crate) use self::effects::Effects;

/// The iteration workflow.
#[workflow]
#[derive(Default)]
pub struct Iteration {
    view: IterationView,
    paused: bool,
}

#[workflow_methods]
impl Iteration {
    /// Runs the iteration to its verdict.
    #[run(name = "empiric.iteration")]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        input: IterationInput,
    ) -> WorkflowResult<IterationOutcome> {
        let mut work = Work::new(&input);
        ctx.state_mut(|state| state.view = work.view("choosing candidates"));
        let halted = work.go(&*ctx).await;
        if halted == Err(Halt::Cancelled) && ctx.cancellation_token().is_cancelled() {
            return Err(WorkflowTermination::cancelled());
        }
        work.finish(halted)
    }

    /// The race as it stands.
    #[query(name = "view")]
    pub fn view(&self, _ctx: &WorkflowContextView) -> IterationView {
        self.view.clone()
    }

    /// Holds back, or lets go, the next job.
    #[signal(name = "set_paused")]
    pub fn set_paused(&mut self, _ctx: &mut SyncWorkflowContext<Self>, paused: bool) {
        self.paused = paused;
    }
}

/// The iteration's state between jobs.
pub(crate) struct Work<'a> {
    input: &'a IterationInput,
    race: Race,
    confirm: Vec<u32>,
    budget: Budget,
    jobs: Vec<JobOutcome>,
    decisions: Vec<DecisionRecord>,
    measurements: Vec<Measurement>,
    finalist: Option<(usize, Verdict)>,
    /// Grades of each candidate in race order.
    raced: Vec<Grades>,
    /// Results files of each candidate.
    files: Vec<Vec<ArtifactRef>>,
    finalist_dev: Grades,
}

impl<'a> Work<'a> {
    pub(crate) fn new(input: &'a IterationInput) -> Self {
        let (race, confirm) = split(input);
        Self {
            input,
            race: Race::new(Vec::new(), race, FIRST_ITEMS),
            confirm,
            budget: Budget::new(input.remaining),
            jobs: Vec::new(),
            decisions: Vec::new(),
            measurements: Vec::new(),
            finalist: None,
            raced: Vec::new(),
            files: Vec::new(),
            finalist_dev: Grades::default(),
        }
    }

    pub(crate) async fn go(&mut self, world: &impl Effects) -> Result<(), Halt> {
        self.prepare(world).await?;
        while !self.race.legs().is_empty() {
            self.run_round(world).await?;
        }
        let Some(finalist) = self.race.finalist() else { return Ok(()) };
        self.confirm(world, finalist).await
    }

    async fn run_round(&mut self, world: &impl Effects) -> Result<(), Halt> {
        let legs = self.race.legs();
        let round = self.race.round() + 1;
        let wanted = legs
            .iter()
            .map(|leg| {
                let label = format!(
                    "iteration {}, round {round}, {}",
                    self.input.number,
                    self.race.label(leg.runner)
                );
                (leg.runner, label, leg.positions.clone())
            })
            .collect();
        let graded =
            self.evaluate(world, wanted, &format!("round {round} of {}", self.race.rounds())).await?;
        for (runner, grades) in graded {
            self.take(runner, &grades);
        }
        let halved = self.race.close_round();
        self.decide_halving(halved);
        world.show(self.view("between rounds"));
        Ok(())
    }

    /// Takes a candidate's grades in race order.
    fn take(&mut self, runner: usize, grades: &Grades) {
        self.race.record(runner, &grades.passed);
        self.raced[runner].extend(grades);
    }

    /// Grades of the race and of the confirmation together, in dev order.
    fn over_dev(&self, raced: &str, confirmed: &str) -> String {
        let raced = self.race.order().iter().zip(raced.bytes());
        in_dev_order(raced.chain(self.confirm.iter().zip(confirmed.bytes())))
    }

    /// Asks for one evaluation a candidate, all at once.
    async fn evaluate(
        &mut self,
        world: &impl Effects,
        wanted: Vec<(usize, String, Vec<u32>)>,
        activity: &str,
    ) -> Result<Vec<(usize, Grades)>, Halt> {
        let jobs = wanted
            .iter()
            .map(|(runner, label, positions)| (label.clone(), self.evaluation(*runner, positions)));
        let jobs = jobs.collect();
        let outcomes = self.run_jobs(world, jobs, activity).await?;
        let mut graded = Vec::new();
        for ((runner, _, _), outcome) in wanted.into_iter().zip(outcomes) {
            self.files[runner].extend(results(&outcome));
            graded.push((runner, grades(&outcome)));
        }
        Ok(graded)
    }

    /// Runs these jobs at once, each with an equal share of the budget, and pays for all of them, whatever
    /// became of them.
    async fn run_jobs(
        &mut self,
        world: &impl Effects,
        wanted: Vec<(String, JobKind)>,
        activity: &str,
    ) -> Result<Vec<JobOutcome>, Halt> {
        world.ready().await?;
        let share = self.budget.reserve(wanted.len() as u32).map_err(Halt::Budget)?;
        world.show(self.view(activity));
        let labels: Vec<(String, &'static str)> =
            wanted.iter().map(|(label, kind)| (label.clone(), kind.name())).collect();
        let requests: Vec<JobRequest> =
            wanted.into_iter().map(|(label, kind)| self.request(label, kind, share)).collect();
        let ended = world.run(requests, &self.input.options).await;
        let mut done = Vec::new();
        let mut rows = Vec::new();
        let mut halted = None;
        for ((label, kind), outcome) in labels.into_iter().zip(ended) {
            match outcome {
                Ok(outcome) => {
                    self.budget.settle(share, dispatch::spent(&outcome));
                    rows.push(dispatch::job_row(&label, kind, &outcome));
                    halted = halted.or(dispatch::is_complete(&outcome, share).err());
                    self.jobs.push(outcome.clone());
                    done.push(outcome);
                }
                Err(halt) => {
                    self.budget.settle(share, Spend::default());
                    halted = halted.or(Some(halt));
                }
            }
        }
        world.record(&self.input.run, rows).await?;
        halted.map_or(Ok(done), Err)
    }

    fn evaluation(&self, runner: usize, positions: &[u32]) -> JobKind {
        JobKind::Evaluate(Box::new(EvaluateParams {
            version: self.race.candidate(runner).version.clone(),
            items: self.input.frozen.dev.items.clone(),
            positions: positions.to_vec(),
            assertions: self.input.spec.evaluate.assertions.clone(),
            labels: self.input.spec.scope.task.labels().to_vec(),
            batch: self.input.options.batch,
        }))
    }

    fn request(&self, label: String, kind: JobKind, reserve: Spend) -> JobRequest {
        let job = JobSpec { kind, seed: self.input.spec.improve.seed, repeat: 0, reserve };
        JobRequest { run: self.input.run.clone(), label, job }
    }

    fn view(&self, activity: &str) -> IterationView {
        IterationView {
            number: self.input.number,
            technique: self.input.technique.name().to_owned(),
            activity: activity.to_owned(),
            round: self.race.round(),
            rounds: self.race.rounds(),
            candidates: self.race.view(),
            spend: self.budget.used(),
            jobs: self.jobs.len() as u32,
        }
    }

    pub(crate) fn finish(self, halted: Result<(), Halt>) -> WorkflowResult<IterationOutcome> {
        let (stopped_by, problem) = match halted {
            Ok(()) => (None, None),
            Err(Halt::Budget(resource)) => (Some(resource), None),
            Err(Halt::Problem(problem)) => (None, Some(problem)),
            Err(Halt::Cancelled) => return Err(WorkflowTermination::cancelled()),
        };
        let verdict = self.finalist.map_or(Verdict::Inconclusive, |(_, verdict)| verdict);
        Ok(IterationOutcome {
            verdict,
            finalist: self.finalist.map(|(runner, _)| self.race.candidate(runner).version.clone()),
            finalist_passed: self.finalist_dev.passed.clone(),
            finalist_harmful: self.finalist_dev.harmful.clone(),
            finalist_abstained: self.finalist_dev.abstained.clone(),
            finalist_effort: self.finalist_dev.effort,
            finalist_results: self.finalist.map(|(runner, _)| self.files[runner].clone()).unwrap_or_default(),
            view: self.view("done"),
            measurements: self.measurements,
            race: self.race.entries(),
            decisions: self.decisions,
            spend: self.budget.used(),
            jobs: self.jobs.len() as u32,
            busy_seconds: dispatch::busy_seconds(self.jobs.iter()),
            stopped_by,
            problem,
        })
    }
}

/// The dev positions for the race and for the finalist.
fn split(input: &IterationInput) -> (Vec<u32>, Vec<u32>) {
    let (dev, clusters) = (input.frozen.dev.count, &input.frozen.dev_clusters);
    split_dev(dev, input.spec.gate.race_share, input.spec.improve.seed, clusters)
}

/// Items that a candidate answers before it may be dropped.
fn first_items(input: &IterationInput, candidates: usize, items: usize) -> usize {
    let thrifty = halving::first_items(candidates as u64, items as u64);
    if input.options.thrift { FIRST_ITEMS.min(thrifty as usize) } else { FIRST_ITEMS }
}

fn alpha(input: &IterationInput) -> Alpha {
    Alpha::new(input.spec.gate.alpha).unwrap_or(Alpha::FIVE_PERCENT)
}

/// Grades by dev position, from pairs in any order.
fn in_dev_order<'b>(pairs: impl Iterator<Item = (&'b u32, u8)>) -> String {
    let mut pairs: Vec<(u32, u8)> = pairs.map(|(&position, grade)| (position, grade)).collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, grade)| grade as char).collect()
}

/// The grades that a finished `evaluate` job brought.
pub(crate) fn grades(outcome: &JobOutcome) -> Grades {
    let summary = outcome.findings.evaluation.clone().unwrap_or_default();
    let EvaluationSummary { passed, harmful, abstained, seconds, .. } = summary;
    let usage = outcome.usage;
    let tokens = usage.prompt_tokens + usage.completion_tokens;
    let effort = Effort { answers: passed.len() as u32, seconds, tokens, usd: usage.dollars };
    Grades { passed, harmful, abstained, effort }
}

/// The results file of a finished `evaluate` job.
pub(crate) fn results(outcome: &JobOutcome) -> Vec<ArtifactRef> {
    let name = outcome.findings.evaluation.as_ref().map(|summary| summary.results.as_str());
    name.and_then(|name| outcome.outputs.get(name)).cloned().into_iter().collect()
}

/// The row of a version that a record needs beside its measurement.
pub(crate) fn version_row(version: &SystemVersion, label: &str) -> Record {
    Record::Version { version: Box::new(version.clone()), label: label.to_owned() }
}

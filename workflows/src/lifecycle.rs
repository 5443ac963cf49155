//! A project's life as a workflow: scope, first measurement, iterations, the locked test, the end.
//!
//! The shell asks for work and keeps the books; what comes next is said by [`crate::loop_step`].

mod books;
mod diagnose;
mod rehearsal;

pub(crate) use self::books::confirm_items;
pub use self::rehearsal::rehearse;

use std::time::Duration;

use empiric_schema::budget::{Resource, Spend};
use empiric_schema::contract::{FreezeRequest, IterationInput};
use empiric_schema::contract::{IterationOutcome, JobOutcome, JobRequest, LifecycleInput, Record, Scope};
use empiric_schema::decision::StopReason;
use empiric_schema::job::{JobKind, JobSpec};
use empiric_schema::spec::Technique;
use empiric_schema::version::SystemVersion;
use empiric_schema::view::{RunState, RunView, Stage};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    CancellableFuture as _, ChildWorkflowOptions, SignalWorkflowOptions, WaitConditionOptions,
    WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination,
};

use self::books::Books;
use crate::dispatch::{self, Halt};
use crate::evidence::ledger::Admission;
use crate::gate::Grades;
use crate::iteration::{Iteration, grades, results, version_row};
use crate::loop_step::Step;
use crate::options;

/// The lifecycle workflow.
#[workflow]
#[derive(Default)]
pub struct Lifecycle {
    view: Option<RunView>,
    paused: bool,
    iteration: Option<String>,
}

#[workflow_methods]
impl Lifecycle {
    /// Runs the project to its end and answers with the last view.
    #[run(name = "empiric.lifecycle")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: LifecycleInput) -> WorkflowResult<RunView> {
        let token = ctx.cancellation_token().child_token();
        let mut life = Life { books: Books::new(&input, now(ctx)), input, token };
        let reason = match life.go_until_deadline(ctx).await {
            Ok(reason) => reason,
            Err(halt) => life.reason(ctx, halt),
        };
        life.finish(ctx, reason).await
    }

    /// The run as it stands; nothing before the first task.
    #[query(name = "view")]
    pub fn view(&self, _ctx: &WorkflowContextView) -> Option<RunView> {
        self.view.clone()
    }

    #[update_validator(pause)]
    fn validate_pause(
        &self,
        _ctx: &WorkflowContextView,
        _input: &(),
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.must_be(RunState::Running, "is not going on")
    }

    /// Holds back the next job. Jobs that run go on.
    #[update(name = "pause")]
    pub async fn pause(ctx: &mut WorkflowContext<Self>, _input: ()) {
        Self::set_paused(ctx, true).await;
    }

    #[update_validator(resume)]
    fn validate_resume(
        &self,
        _ctx: &WorkflowContextView,
        _input: &(),
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.must_be(RunState::Paused, "is not paused")
    }

    /// Lets a paused run go on.
    #[update(name = "resume")]
    pub async fn resume(ctx: &mut WorkflowContext<Self>, _input: ()) {
        Self::set_paused(ctx, false).await;
    }
}

impl Lifecycle {
    fn must_be(
        &self,
        state: RunState,
        otherwise: &str,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match &self.view {
            Some(view) if view.state == state => Ok(()),
            _ => Err(format!("the run {otherwise}").into()),
        }
    }

    async fn set_paused(ctx: &mut WorkflowContext<Self>, paused: bool) {
        let iteration = ctx.state_mut(|state| {
            state.paused = paused;
            if let Some(view) = &mut state.view {
                view.state = if paused { RunState::Paused } else { RunState::Running };
            }
            state.iteration.clone()
        });
        if let Some(workflow) = iteration {
            let handle = ctx.external_workflow(workflow, None);
            // An iteration that has just ended has nothing to hold back.
            let _ = handle.signal(Iteration::set_paused, paused, SignalWorkflowOptions::default()).await;
        }
        if let Some(view) = ctx.state(|state| state.view.clone()) {
            // People who ask later must not read what was true before. The next record would mend it anyway.
            let run = view.run.clone();
            let _ = dispatch::record(ctx, &run, vec![Record::Run(Box::new(view))]).await;
        }
    }
}

/// The run's state between waits.
struct Life {
    input: LifecycleInput,
    books: Books,
    token: WorkflowCancellationToken,
}

impl Life {
    /// Goes on until the run ends, or until its wall-clock limit cancels the work in flight.
    async fn go_until_deadline(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<StopReason, Halt> {
        let Some(seconds) = self.input.spec.budget.limits.wall_clock_seconds else {
            return self.go(ctx).await;
        };
        let deadline = ctx.timer(Duration::from_secs_f64(seconds));
        let token = self.token.clone();
        let work = self.go(ctx);
        futures::pin_mut!(work, deadline);
        match futures::future::select(work, deadline).await {
            futures::future::Either::Left((reason, deadline)) => {
                deadline.cancel();
                reason
            }
            futures::future::Either::Right((_, work)) => {
                // A cancelled workflow's timers end at once too: `reason` tells the two apart.
                token.cancel_with_reason("the wall-clock limit was reached");
                work.await
            }
        }
    }

    async fn go(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<StopReason, Halt> {
        self.scope(ctx).await?;
        self.measure(ctx).await?;
        loop {
            if self.books.needs_diagnosis(&self.input) {
                self.diagnose(ctx).await?;
            }
            let next = self.books.next_step(&self.input);
            self.publish(ctx).await?;
            match next {
                Step::Improve(technique) => self.improve(ctx, technique).await?,
                Step::Gate => self.look(ctx).await?,
                Step::Stop(reason) => return Ok(reason),
            }
        }
    }

    async fn scope(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        self.books.enter(Stage::Scope, "freezing data and models");
        self.publish(ctx).await?;
        let request = FreezeRequest {
            run: self.input.run.clone(),
            project_dir: self.input.project_dir.clone(),
            spec: self.input.spec.clone(),
        };
        let options = options::freeze(&self.input.options, self.token.clone());
        let frozen = ctx.execute_activity(Scope::freeze, request, options).await;
        self.books.freeze(frozen.map_err(|error| dispatch::halt(&error))?);
        self.publish(ctx).await
    }

    async fn measure(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        self.books.enter(Stage::Measure, "measuring the system as it is on dev");
        self.publish(ctx).await?;
        let version = self.books.frozen()?.system.clone();
        let (measured, results) = self.evaluate(ctx, &version, "dev", "first measurement").await?;
        let measurement = self.books.first_measurement(version.clone(), measured, results.clone());
        let records = vec![version_row(&version, "start"), Record::Evaluation { measurement, results }];
        self.record(ctx, records).await
    }

    async fn improve(&mut self, ctx: &WorkflowContext<Lifecycle>, technique: Technique) -> Result<(), Halt> {
        let input = self.books.begin_iteration(technique, &self.input)?;
        let workflow = format!("{}/iteration-{}", self.input.run, input.number);
        self.books.set_iteration(Some(workflow.clone()));
        self.publish(ctx).await?;
        let begun =
            Record::Iteration { number: input.number, technique: technique.name().to_owned(), verdict: None };
        self.record(ctx, vec![begun]).await?;
        let outcome = self.run_iteration(ctx, workflow, input).await;
        self.books.set_iteration(None);
        ctx.state_mut(|state| state.iteration = None);
        let records = self.books.end_iteration(technique, outcome?);
        self.record(ctx, records).await
    }

    async fn run_iteration(
        &self,
        ctx: &WorkflowContext<Lifecycle>,
        workflow: String,
        input: IterationInput,
    ) -> Result<IterationOutcome, Halt> {
        let options = ChildWorkflowOptions::builder()
            .workflow_id(workflow.clone())
            .cancellation_token(self.token.clone())
            .cancel_type(temporalio_workflow::ChildWorkflowCancellationType::WaitCancellationCompleted)
            .build();
        self.unpaused(ctx).await?;
        ctx.state_mut(|state| state.iteration = Some(workflow));
        let started = ctx.start_child_workflow(Iteration::run, input, options).await;
        let started = started.map_err(|error| self.child_halt(&error))?;
        // A pause of just now could not reach an iteration that had not begun.
        if ctx.state(|state| state.paused) {
            let _ = started.signal(Iteration::set_paused, true, SignalWorkflowOptions::default()).await;
        }
        started.result().await.map_err(|error| match error.as_cancelled() {
            Some(_) => Halt::Cancelled,
            None => self.child_halt(&error),
        })
    }

    /// Ready when the run is not paused, or when it must end: the clock goes on while it is.
    async fn unpaused(&self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        let options = WaitConditionOptions::builder().cancellation_token(self.token.clone()).build();
        let waited = ctx.wait_condition_with_options(|state| !state.paused, options).await;
        waited.map_err(|_| Halt::Cancelled)
    }

    fn child_halt(&self, error: &dyn std::error::Error) -> Halt {
        if self.token.is_cancelled() { Halt::Cancelled } else { Halt::Problem(error.to_string()) }
    }

    /// One look at the locked test: the incumbent, and the starting version beside it for comparison.
    async fn look(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        self.books.enter(Stage::Gate, "the incumbent on the locked test split");
        self.publish(ctx).await?;
        let (candidate, admission) = self.books.open_look()?;
        let Admission::Granted(alpha) = admission else { return Ok(()) };
        let start = self.books.frozen()?.system.clone();
        let (found, mut files) = self.evaluate(ctx, &candidate, "test", "locked test").await?;
        let (before, before_files) = if start == candidate {
            (found.clone(), Vec::new())
        } else {
            self.evaluate(ctx, &start, "test", "locked test, starting version").await?
        };
        let start = (before, before_files);
        let records = self.books.answer_look(&candidate, alpha, found, &mut files, start)?;
        self.record(ctx, records).await
    }

    /// A version answers a whole split in one job under the whole remaining budget.
    async fn evaluate(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        version: &SystemVersion,
        split: &str,
        label: &str,
    ) -> Result<(Grades, Vec<empiric_schema::artifact::ArtifactRef>), Halt> {
        self.unpaused(ctx).await?;
        let (params, share) = self.books.evaluation(version, split, &self.input)?;
        let outcome = self.pay_for(ctx, label, JobKind::Evaluate(Box::new(params)), share).await?;
        Ok((grades(&outcome), results(&outcome)))
    }

    /// Runs a job under the whole remaining budget.
    async fn run_job(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        label: &str,
        kind: JobKind,
    ) -> Result<JobOutcome, Halt> {
        self.unpaused(ctx).await?;
        let share = self.books.reserve()?;
        self.pay_for(ctx, label, kind, share).await
    }

    async fn pay_for(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        label: &str,
        kind: JobKind,
        share: Spend,
    ) -> Result<JobOutcome, Halt> {
        let name = kind.name();
        let job = JobSpec { kind, seed: self.input.spec.improve.seed, repeat: 0, reserve: share };
        let request = JobRequest { run: self.input.run.clone(), label: label.to_owned(), job };
        let outcome = dispatch::run_job(ctx, request, &self.input.options, self.token.clone()).await;
        self.books.settle(share, outcome.as_ref().ok());
        let outcome = outcome?;
        self.record(ctx, vec![dispatch::job_row(label, name, &outcome)]).await?;
        dispatch::is_complete(&outcome, share)?;
        Ok(outcome)
    }

    fn reason(&self, ctx: &WorkflowContext<Lifecycle>, halt: Halt) -> StopReason {
        match halt {
            Halt::Budget(resource) => StopReason::Budget { resource },
            Halt::Problem(problem) => StopReason::NeedsPerson { problem },
            Halt::Cancelled if ctx.cancellation_token().is_cancelled() => StopReason::Cancelled,
            Halt::Cancelled => StopReason::Budget { resource: Resource::WallClock },
        }
    }

    async fn finish(
        mut self,
        ctx: &WorkflowContext<Lifecycle>,
        reason: StopReason,
    ) -> WorkflowResult<RunView> {
        self.books.stop(reason.clone(), now(ctx));
        let view = self.books.view(now(ctx), false);
        ctx.state_mut(|state| state.view = Some(view.clone()));
        dispatch::record(ctx, &self.input.run, self.books.closing_records(&view)).await?;
        match reason {
            StopReason::Cancelled => Err(WorkflowTermination::cancelled()),
            _ => Ok(view),
        }
    }

    /// Shows the run as it stands to queries and to the read model.
    async fn publish(&self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        let view = self.books.view(now(ctx), ctx.state(|state| state.paused));
        ctx.state_mut(|state| state.view = Some(view.clone()));
        self.record(ctx, vec![Record::Run(Box::new(view))]).await
    }

    async fn record(&self, ctx: &WorkflowContext<Lifecycle>, records: Vec<Record>) -> Result<(), Halt> {
        let written = dispatch::record(ctx, &self.input.run, records).await;
        written.map_err(|error| Halt::Problem(error.to_string()))
    }
}

/// The workflow's clock in Unix seconds.
fn now(ctx: &WorkflowContext<Lifecycle>) -> f64 {
    let since = ctx.workflow_time().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0.0, |since| since.as_secs_f64())
}

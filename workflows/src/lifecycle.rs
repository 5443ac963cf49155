//! A project's life as a workflow: scope, first measurement, iterations, the locked test, the end.
//!
//! The shell asks for work and keeps the books; what comes next is said by [`crate::loop_step`].

mod ask;
mod books;
mod compare;
mod diagnose;
mod rehearsal;
mod roll_out;
mod work;

pub(crate) use self::books::confirm_items;
pub use self::rehearsal::rehearse;

use std::time::Duration;

use empiric_schema::budget::Resource;
use empiric_schema::contract::{FreezeRequest, GivenAnswer, GivenRemark, IterationInput};
use empiric_schema::contract::{IterationOutcome, LifecycleInput, Record, Scope};
use empiric_schema::decision::StopReason;
use empiric_schema::question::{Question, Remark};
use empiric_schema::spec::Technique;
use empiric_schema::view::{RunState, RunView, Stage};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    CancellableFuture as _, ChildWorkflowOptions, SignalWorkflowOptions, SyncWorkflowContext,
    WaitConditionOptions, WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowResult,
    WorkflowTermination,
};

use self::books::Books;
use crate::dispatch::{self, Halt};
use crate::evidence::ledger::Admission;
use crate::iteration::{Iteration, version_row};
use crate::loop_step::Step;
use crate::options;
use crate::people::People;

/// The lifecycle workflow.
#[workflow]
#[derive(Default)]
pub struct Lifecycle {
    view: Option<RunView>,
    paused: bool,
    iteration: Option<String>,
    people: People,
}

/// Why an update is refused, in words.
type Refusal = Box<dyn std::error::Error + Send + Sync>;

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
    fn validate_pause(&self, _ctx: &WorkflowContextView, _input: &()) -> Result<(), Refusal> {
        self.must_be(RunState::Running, "is not going on")
    }

    /// Holds back the next job. Jobs that run go on.
    #[update(name = "pause")]
    pub async fn pause(ctx: &mut WorkflowContext<Self>, _input: ()) {
        Self::set_paused(ctx, true).await;
    }

    #[update_validator(resume)]
    fn validate_resume(&self, _ctx: &WorkflowContextView, _input: &()) -> Result<(), Refusal> {
        self.must_be(RunState::Paused, "is not paused")
    }

    /// Lets a paused run go on.
    #[update(name = "resume")]
    pub async fn resume(ctx: &mut WorkflowContext<Self>, _input: ()) {
        Self::set_paused(ctx, false).await;
    }

    #[update_validator(answer)]
    fn validate_answer(&self, _ctx: &WorkflowContextView, given: &GivenAnswer) -> Result<(), Refusal> {
        Ok(self.people.check_answer(given)?)
    }

    /// Takes a person's answer to an open question. What follows from it is the run's own business, so that this
    /// is done before the run may end because of it.
    #[update(name = "answer")]
    pub fn answer(
        &mut self,
        ctx: &mut SyncWorkflowContext<Self>,
        given: GivenAnswer,
    ) -> Result<Question, Refusal> {
        let question = self.people.answer(given, seconds(ctx.workflow_time()))?;
        self.show_people();
        Ok(question)
    }

    #[update_validator(remark)]
    fn validate_remark(&self, _ctx: &WorkflowContextView, given: &GivenRemark) -> Result<(), Refusal> {
        Ok(self.people.check_remark(given)?)
    }

    /// Takes what a person says without being asked.
    #[update(name = "remark")]
    pub async fn remark(ctx: &mut WorkflowContext<Self>, given: GivenRemark) -> Result<Remark, Refusal> {
        let at = now(ctx);
        let remark = ctx.state_mut(|state| {
            let remark = state.people.remark(given, at);
            state.show_people();
            remark
        })?;
        Self::keep_view(ctx).await;
        Ok(remark)
    }
}

impl Lifecycle {
    fn must_be(&self, state: RunState, otherwise: &str) -> Result<(), Refusal> {
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
        Self::keep_view(ctx).await;
    }

    fn show_people(&mut self) {
        if let Some(view) = &mut self.view {
            view.questions = self.people.questions().to_vec();
            view.remarks = self.people.remarks().to_vec();
        }
    }

    /// People who ask later must not read what was true before. The next record would mend it anyway.
    async fn keep_view(ctx: &WorkflowContext<Self>) {
        if let Some(view) = ctx.state(|state| state.view.clone()) {
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

    /// Goes to the end, over used-up limits where a person lets it.
    async fn go(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<StopReason, Halt> {
        loop {
            let ended = self.go_on(ctx).await;
            match ended {
                Ok(StopReason::Budget { resource }) | Err(Halt::Budget(resource)) => {
                    if !self.may_spend_more(ctx, resource).await? {
                        return ended;
                    }
                }
                Ok(reason) => {
                    let reason = self.released(ctx, reason).await?;
                    self.roll_out(ctx, &reason).await;
                    return Ok(reason);
                }
                Err(_) => return ended,
            }
        }
    }

    /// Takes step after step from where the books are.
    async fn go_on(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<StopReason, Halt> {
        if self.books.frozen().is_err() {
            self.scope(ctx).await?;
        }
        if !self.books.is_measured() {
            self.measure(ctx).await?;
        }
        loop {
            if self.books.needs_diagnosis(&self.input) {
                self.diagnose(ctx).await?;
                self.ask_about_defects(ctx).await?;
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
            joined: self.input.joined.clone(),
            start: self.input.start.clone(),
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
        let measurement = self.books.first_measurement(version.clone(), measured.clone(), results.clone());
        let records = vec![version_row(&version, "start"), Record::Evaluation { measurement, results }];
        self.record(ctx, records).await?;
        self.compare(ctx, "dev", (&version.digest(), &measured)).await
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
        let records = self.books.answer_look(&candidate, alpha, found.clone(), &mut files, start)?;
        self.record(ctx, records).await?;
        self.compare(ctx, "test", (&candidate.digest(), &found)).await
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
        let view = self.view(ctx);
        ctx.state_mut(|state| state.view = Some(view.clone()));
        dispatch::record(ctx, &self.input.run, self.books.closing_records(&view)).await?;
        // Who is being answered just now shall get the answer.
        let unhurried =
            WaitConditionOptions::builder().cancellation_token(WorkflowCancellationToken::new()).build();
        let _ = ctx.wait_condition_with_options(|_| ctx.all_handlers_finished(), unhurried).await;
        match reason {
            StopReason::Cancelled => Err(WorkflowTermination::cancelled()),
            _ => Ok(view),
        }
    }

    /// Shows the run as it stands to queries and to the read model.
    async fn publish(&self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        let view = self.view(ctx);
        ctx.state_mut(|state| state.view = Some(view.clone()));
        self.record(ctx, vec![Record::Run(Box::new(view))]).await
    }

    /// The run as it stands, with what people were asked and have said.
    fn view(&self, ctx: &WorkflowContext<Lifecycle>) -> RunView {
        ctx.state(|state| RunView {
            questions: state.people.questions().to_vec(),
            remarks: state.people.remarks().to_vec(),
            ..self.books.view(now(ctx), state.paused)
        })
    }

    async fn record(&self, ctx: &WorkflowContext<Lifecycle>, records: Vec<Record>) -> Result<(), Halt> {
        let written = dispatch::record(ctx, &self.input.run, records).await;
        written.map_err(|error| Halt::Problem(error.to_string()))
    }
}

/// The workflow's clock in Unix seconds.
fn now(ctx: &WorkflowContext<Lifecycle>) -> f64 {
    seconds(ctx.workflow_time())
}

/// Unix seconds; 0 where there is no time.
fn seconds(time: Option<std::time::SystemTime>) -> f64 {
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0.0, |since| since.as_secs_f64())
}

//! What a rollout asks of the world.

use std::time::Duration;

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{
    ApplyRequest, CollectRequest, Collected, FreezeRequest, Frozen, JoinedItems, LifecycleInput,
    NotifyRequest, ObserveRequest, Observed, Rollouts, Scope,
};
use empiric_schema::id::RunId;
use empiric_schema::rollout::{RolloutDecision, RolloutView};
use empiric_schema::spec::ProjectSpec;
use futures::future::{Either, select};
use temporalio_workflow::{ChildWorkflowOptions, ParentClosePolicy, WorkflowContext};

use super::books::{Homecoming, Task};
use super::exposed::exposure;
use super::rules::Rules;
use super::shell::{Rollout, RolloutInput, now};
use super::state::RolloutState;
use crate::dispatch::{self, Halt};
use crate::lifecycle::Lifecycle;
use crate::options;

/// Pause after a window that could not be counted for a reason that trying again at once does not mend.
const PAUSE: Duration = Duration::from_secs(30);

/// How a homecoming ended: what came home, and the run that was opened.
pub(super) struct Home {
    pub(super) homecoming: Homecoming,
    pub(super) outcome: Result<(Collected, Option<RunId>), String>,
}

/// Does everything that is waiting, in order.
pub(super) async fn work_off(ctx: &WorkflowContext<Rollout>, rules: &Rules) {
    while let Some(task) = ctx.state_mut(|state| state.books.tasks.pop_front()) {
        match task {
            Task::Apply(why) => apply(ctx, rules, &why).await,
            Task::Show => apply(ctx, rules, "").await,
            Task::Notify(decision) => notify(ctx, rules, *decision).await,
        }
    }
}

/// Writes what is served, where that has changed, and how the rollout stands.
async fn apply(ctx: &WorkflowContext<Rollout>, rules: &Rules, why: &str) {
    let (state, view, written) = ctx.state(|state| (state.books.state.clone(), state.shown(), state.applied));
    let Some(view) = view else { return };
    let revision = state.revision;
    let request = request(rules, &state, view, (revision > written).then_some(why), now(ctx));
    let done = ctx.execute_local_activity(Rollouts::apply, request, options::record()).await;
    ctx.state_mut(|state| match done {
        Ok(()) => {
            state.applied = revision.max(state.applied);
            if state.books.state.revision == revision {
                state.undo = None;
            }
        }
        Err(error) => state.take_back(words(&dispatch::halt(&error))),
    });
}

fn request(
    rules: &Rules,
    state: &RolloutState,
    view: RolloutView,
    why: Option<&str>,
    at: f64,
) -> ApplyRequest {
    let exposure = why.and_then(|why| exposure(rules, state, &view.project, why, at));
    ApplyRequest { exposure, view }
}

/// Tells people. Who cannot be told stops nothing, and is seen in the view.
async fn notify(ctx: &WorkflowContext<Rollout>, rules: &Rules, decision: RolloutDecision) {
    let Some(webhook) = rules.monitor.alert.clone() else { return };
    let project = ctx.state(|state| state.input.spec.name.clone());
    let request = NotifyRequest { webhook, project, decision };
    let told = ctx.execute_activity(Rollouts::notify, request, options::notify()).await;
    if let Err(error) = told {
        let problem = format!("people could not be told: {}", words(&dispatch::halt(&error)));
        ctx.state_mut(|state| state.books.set_problem(Some(problem)));
    }
}

/// The next window of the subject; nothing when there was something else to do first.
pub(super) async fn watch(ctx: &WorkflowContext<Rollout>) -> Option<Observed> {
    let Some(request) = ctx.state(observation) else {
        let _ = ctx.wait_condition(|state| !state.books.tasks.is_empty()).await;
        return None;
    };
    let revision = ctx.state(|state| state.books.state.revision);
    let token = ctx.cancellation_token().child_token();
    let options = ctx.state(|state| options::observe(&state.input.options, &request, token.clone()));
    let observe = ctx.execute_activity(Rollouts::observe, request, options);
    let ordered = ctx.wait_condition(|state| !state.books.tasks.is_empty());
    futures::pin_mut!(observe, ordered);
    let observed = match select(observe, ordered).await {
        Either::Left((observed, _)) => observed,
        Either::Right(_) => {
            token.cancel();
            return None;
        }
    };
    match observed {
        // What was counted for a version that is no longer watched is no evidence about the next one.
        Ok(observed) => ctx.state(|state| state.books.state.revision == revision).then_some(observed),
        Err(error) => {
            let problem = words(&dispatch::halt(&error));
            ctx.state_mut(|state| state.books.set_problem(Some(problem)));
            ctx.timer(PAUSE).await;
            None
        }
    }
}

fn observation(state: &Rollout) -> Option<ObserveRequest> {
    let rules = state.rules.as_ref().ok()?;
    let subject = state.books.state.subject.as_ref()?;
    let needed = u64::from(rules.needed(subject.place));
    Some(ObserveRequest {
        project: state.input.spec.name.clone(),
        version: subject.version.clone(),
        stage: rules.rung(subject.place).stage,
        since: subject.since,
        cursor: subject.cursor,
        window_seconds: rules.monitor.window_seconds,
        enough: needed.saturating_sub(subject.judged.total()),
        max_failure_rate: rules.monitor.max_failure_rate,
        max_harm_rate: rules.max_harm_rate,
        graders: rules.monitor.graders.clone(),
        labels: if rules.monitor.graders.is_some() { rules.labels.clone() } else { Vec::new() },
    })
}

/// Brings failures home, and opens a run from them where they are worth one.
pub(super) async fn bring_home(ctx: &WorkflowContext<Rollout>, homecoming: Homecoming) -> Home {
    let outcome = collect_and_open(ctx, &homecoming).await.map_err(|halt| words(&halt));
    Home { homecoming, outcome }
}

async fn collect_and_open(
    ctx: &WorkflowContext<Rollout>,
    home: &Homecoming,
) -> Result<(Collected, Option<RunId>), Halt> {
    let (input, joined) = ctx.state(|state| (state.input.clone(), state.books.joined().to_vec()));
    let frozen = freeze(ctx, &input).await?;
    let start = ctx.state(serving).unwrap_or_else(|| home.version.clone());
    let request = CollectRequest {
        project: input.spec.name.clone(),
        version: home.version.clone(),
        start,
        frozen,
        joined: joined.clone(),
    };
    let options = options::collect(&input.options);
    let found = ctx.execute_activity(Rollouts::collect, request, options).await;
    let found = found.map_err(|error| dispatch::halt(&error))?;
    if found.items < home.least {
        return Ok((found, None));
    }
    let run = open(ctx, &input, (home, &found), joined).await?;
    Ok((found, Some(run)))
}

/// The version that most people see now.
fn serving(state: &Rollout) -> Option<Digest> {
    let rules = state.rules.as_ref().ok()?;
    exposure(rules, &state.books.state, "", "", 0.0).map(|exposure| exposure.serving)
}

/// The data as it is now, so that what comes home is held against all of it.
pub(super) async fn freeze(ctx: &WorkflowContext<Rollout>, input: &RolloutInput) -> Result<Frozen, Halt> {
    let request = FreezeRequest {
        run: RunId::new(RolloutInput::workflow_id(&input.spec.name)),
        project_dir: input.project_dir.clone(),
        spec: input.spec.clone(),
        joined: Vec::new(),
        start: None,
    };
    let options = options::freeze(&input.options, ctx.cancellation_token().child_token());
    ctx.execute_activity(Scope::freeze, request, options).await.map_err(|error| dispatch::halt(&error))
}

/// Opens a run from what came home.
async fn open(
    ctx: &WorkflowContext<Rollout>,
    input: &RolloutInput,
    (home, found): (&Homecoming, &Collected),
    joined: Vec<JoinedItems>,
) -> Result<RunId, Halt> {
    let run = run_id(&input.spec, ctx.state(|state| state.books.state.revision));
    let preferences = ctx.state(|state| state.books.preferences_with(home, found));
    let lifecycle = LifecycleInput {
        run,
        project_dir: input.project_dir.clone(),
        spec: input.spec.clone(),
        options: input.options.clone(),
        earlier_looks: found.earlier_looks.clone(),
        joined: joined.into_iter().chain(found.joined.iter().cloned()).collect(),
        start: Some(found.start.clone()),
        by: None,
        preferences,
    };
    start_run(ctx, lifecycle).await
}

/// Starts a run that outlives this execution.
pub(super) async fn start_run(
    ctx: &WorkflowContext<Rollout>,
    lifecycle: LifecycleInput,
) -> Result<RunId, Halt> {
    let run = lifecycle.run.clone();
    let options = ChildWorkflowOptions::builder()
        .workflow_id(run.as_str().to_owned())
        .parent_close_policy(ParentClosePolicy::Abandon)
        .build();
    let started = ctx.start_child_workflow(Lifecycle::run, lifecycle, options).await;
    started.map(|_| run).map_err(|error| Halt::Problem(format!("no run could be opened: {error}")))
}

/// Runs of one spec share the beginning of their ids; `r` says that a rollout opened this one.
fn run_id(spec: &ProjectSpec, revision: u64) -> RunId {
    RunId::new(format!("{}-{}-r{revision}", spec.name, &spec.digest().short()[..6]))
}

pub(super) fn words(halt: &Halt) -> String {
    match halt {
        Halt::Problem(problem) => problem.clone(),
        Halt::Cancelled => "it was cancelled".to_owned(),
        Halt::Budget(resource) => format!("the budget ended it ({resource:?})"),
    }
}

//! What a rollout has done beside its watching, one errand at a time: bringing failures home, looks at drift and at
//! models, runs that look for another version.

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::contract::{
    GatherRequest, Gathered, JobRequest, LifecycleInput, ModelsFound, ModelsRequest, Rollouts,
};
use empiric_schema::id::RunId;
use empiric_schema::job::{DriftParams, DriftSummary, JobKind, JobSpec};
use temporalio_workflow::WorkflowContext;

use super::books::Homecoming;
use super::drift::{ALPHA_EACH, DriftReference, Looked};
use super::effects::{self, Home, words};
use super::retirement::{Requalification, project_without};
use super::rules::Rules;
use super::shell::{Rollout, RolloutInput};
use crate::dispatch::{self, Halt};
use crate::options;

/// Something to do that takes long.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Errand {
    /// Failures come home.
    Home(Homecoming),
    /// Somebody looks whether questions and answers are still like dev.
    Drift(Box<DriftOrder>),
    /// Somebody looks whether the models of these versions are still there.
    Models(Vec<Digest>),
    /// A run looks for a version without some models.
    Requalify(Requalification),
}

/// What a look at drift is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DriftOrder {
    pub(super) version: Digest,
    pub(super) since: f64,
    pub(super) after: i64,
    pub(super) least: u32,
    pub(super) reference: Option<DriftReference>,
}

/// How an errand ended.
pub(super) enum Done {
    Home(Box<Home>),
    Drift(Result<Box<Looked>, String>),
    Models(Result<ModelsFound, String>),
    Requalified(Requalification, Result<RunId, String>),
}

/// Runs an errand.
pub(super) async fn run(ctx: &WorkflowContext<Rollout>, rules: &Rules, errand: Errand) -> Done {
    match errand {
        Errand::Home(homecoming) => Done::Home(Box::new(effects::bring_home(ctx, homecoming).await)),
        Errand::Drift(order) => {
            Done::Drift(look(ctx, rules, *order).await.map(Box::new).map_err(|halt| words(&halt)))
        }
        Errand::Models(versions) => Done::Models(models(ctx, versions).await.map_err(|halt| words(&halt))),
        Errand::Requalify(order) => {
            let opened = requalify(ctx, &order).await.map_err(|halt| words(&halt));
            Done::Requalified(order, opened)
        }
    }
}

/// Gathers what was asked and said, and has it compared with dev.
async fn look(ctx: &WorkflowContext<Rollout>, rules: &Rules, order: DriftOrder) -> Result<Looked, Halt> {
    let reference = match order.reference {
        Some(reference) => reference,
        None => reference(ctx).await?,
    };
    let input = ctx.state(|state| state.input.clone());
    let request = GatherRequest {
        project: input.spec.name.clone(),
        version: order.version,
        since: order.since,
        after: order.after,
        least: order.least,
    };
    let gathered = ctx.execute_activity(Rollouts::gather, request, options::collect(&input.options)).await;
    let Gathered { questions, served, dev_answers, until } =
        gathered.map_err(|error| dispatch::halt(&error))?;
    let summary = match served {
        None => None,
        Some(served) => Some(compare(ctx, rules, &input, &reference, (served, dev_answers)).await?),
    };
    Ok(Looked { reference, questions, until, summary })
}

/// The dev split as it is now; it stays the same as long as the rollout goes on, as its spec does.
async fn reference(ctx: &WorkflowContext<Rollout>) -> Result<DriftReference, Halt> {
    let input = ctx.state(|state| state.input.clone());
    let frozen = effects::freeze(ctx, &input).await?;
    let no_encoder = || Halt::Problem("the project has no `embedder`".to_owned());
    Ok(DriftReference { dev: frozen.dev.items, encoder: frozen.encoder.ok_or_else(no_encoder)? })
}

async fn compare(
    ctx: &WorkflowContext<Rollout>,
    rules: &Rules,
    input: &RolloutInput,
    reference: &DriftReference,
    (served, dev_answers): (ArtifactRef, Option<ArtifactRef>),
) -> Result<DriftSummary, Halt> {
    let params = DriftParams {
        encoder: reference.encoder.clone(),
        dev: reference.dev.clone(),
        served,
        dev_answers,
        labels: rules.labels.clone(),
        alpha: ALPHA_EACH,
    };
    let seed = input.spec.improve.seed;
    let job =
        JobSpec { kind: JobKind::Drift(Box::new(params)), seed, repeat: 0, reserve: Default::default() };
    let run = RunId::new(RolloutInput::workflow_id(&input.spec.name));
    let request = JobRequest { run, label: "drift of production".to_owned(), job };
    let token = ctx.cancellation_token().child_token();
    let outcome = dispatch::run_job(ctx, request, &input.options, token).await?;
    let nothing = || Halt::Problem("the comparison with dev came to no result".to_owned());
    outcome.findings.drift.ok_or_else(nothing)
}

async fn models(ctx: &WorkflowContext<Rollout>, versions: Vec<Digest>) -> Result<ModelsFound, Halt> {
    let (project, options) = ctx.state(|state| (state.input.spec.name.clone(), state.input.options.clone()));
    let request = ModelsRequest { project, versions };
    let found = ctx.execute_activity(Rollouts::models, request, options::collect(&options)).await;
    found.map_err(|error| dispatch::halt(&error))
}

/// Starts a run from the spec's system on a model that stays. It outlives this execution.
async fn requalify(ctx: &WorkflowContext<Rollout>, order: &Requalification) -> Result<RunId, Halt> {
    let (input, joined, number) =
        ctx.state(|state| (state.input.clone(), state.books.joined().to_vec(), state.books.decided()));
    let preferences = ctx.state(|state| state.books.preferences().to_vec());
    let none_left =
        || Halt::Problem("no other model is left in `models`: add one and start a run".to_owned());
    let spec = project_without(&input.spec, &order.without).ok_or_else(none_left)?;
    let run = RunId::new(format!("{}-{}-q{number}", spec.name, &spec.digest().short()[..6]));
    let lifecycle = LifecycleInput {
        run,
        project_dir: input.project_dir,
        spec,
        options: input.options,
        earlier_looks: order.earlier_looks.clone(),
        joined,
        by: None,
        start: None,
        preferences,
    };
    effects::start_run(ctx, lifecycle).await
}

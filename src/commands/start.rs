//! `empiric start`: submits a run and returns. `run` uses the same submission.

use std::process::ExitCode;

use empiric_activities::adapters::database::Database;
use empiric_schema::contract::{LifecycleInput, RunOptions};
use empiric_schema::id::RunId;
use empiric_schema::names::QUEUE_CONTROL;
use empiric_schema::spec::ProjectSpec;
use empiric_schema::view::RunState;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::errors::WorkflowStartError;
use temporalio_client::{Client, WorkflowStartOptions};

use super::answer::who;
use crate::cli::{Global, OutputFormat};
use crate::compose::Session;
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::temporal::words;

pub(super) async fn execute(global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    let session = Session::join(&global.temporal, place).await?;
    let database = place.database().await?;
    let run = submit(&session.client, place, &spec, &database, options()).await?;
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({"run": run})),
        OutputFormat::Text => output::data(run.as_str()),
    }
    output::talk(&format!("`empiric watch {run}` follows it"));
    Ok(ExitCode::SUCCESS)
}

/// Numbers that are tried when the server knows runs that the read model does not.
const MOST_NUMBERS: usize = 1000;

/// Submits a new run under the next free number of this spec.
pub(super) async fn submit(
    client: &Client,
    place: &Place,
    spec: &ProjectSpec,
    database: &Database,
    options: RunOptions,
) -> Result<RunId, CliError> {
    let runs = database.list_runs(Some(&spec.name)).await?;
    let mut number = runs.len() + 1;
    let earlier_looks = database.earlier_looks(&spec.name).await?;
    let rollout = database.rollout_view(&spec.name).await?;
    let preferences = rollout.map(|view| view.preferences).unwrap_or_default();
    for _ in 0..MOST_NUMBERS {
        let run = RunId::new(format!("{}{number}", prefix(spec)));
        let input = LifecycleInput {
            run: run.clone(),
            project_dir: place.project.clone(),
            spec: spec.clone(),
            options: options.clone(),
            earlier_looks: earlier_looks.clone(),
            joined: Vec::new(),
            start: None,
            by: who(None).ok(),
            preferences: preferences.clone(),
        };
        let start = WorkflowStartOptions::new(QUEUE_CONTROL, run.as_str()).build();
        match client.start_workflow(Lifecycle::run, input, start).await {
            Ok(_) => return Ok(run),
            Err(WorkflowStartError::AlreadyStarted { .. }) => number += 1,
            Err(error) => {
                return Err(CliError::Refused { action: "start the run", reason: words::innermost(&error) });
            }
        }
    }
    let reason =
        format!("the server knows {MOST_NUMBERS} runs that this state folder does not; rename the project");
    Err(CliError::Refused { action: "start the run", reason })
}

/// The latest run of exactly this spec, if it has not ended.
pub(super) async fn unfinished(database: &Database, spec: &ProjectSpec) -> Result<Option<RunId>, CliError> {
    let rows = database.list_runs(Some(&spec.name)).await?;
    let same = rows.into_iter().find(|row| row.id.as_str().starts_with(&prefix(spec)));
    Ok(same.filter(|row| row.state != RunState::Finished).map(|row| row.id))
}

/// Runs of one spec share the beginning of their ids.
fn prefix(spec: &ProjectSpec) -> String {
    format!("{}-{}-", spec.name, &spec.digest().short()[..6])
}

/// Durations that tests shorten.
pub(crate) fn options() -> RunOptions {
    let seconds = std::env::var("EMPIRIC_HEARTBEAT_SECONDS").ok().and_then(|text| text.parse().ok());
    let defaults = RunOptions::default();
    RunOptions { heartbeat_seconds: seconds.unwrap_or(defaults.heartbeat_seconds), ..defaults }
}

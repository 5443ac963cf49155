//! `empiric cancel`: ends a run and stops its jobs.

use std::process::ExitCode;
use std::time::Duration;

use empiric_schema::id::RunId;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::{Client, WorkflowCancelOptions, WorkflowHandle};

use super::status::find_run;
use crate::cli::{Global, RunRef};
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::is_going_on;
use crate::output;
use crate::place::Place;
use crate::temporal::words;

/// Jobs get a few seconds to end; then the process trees are killed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn execute(args: &RunRef, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let run = find_run(args, place).await?.run;
    let session = Session::visit(&global.temporal, place).await?;
    let outcome = cancel(&session.client, &run).await;
    session.close().await;
    outcome?;
    output::talk(&format!("{run} is cancelled; `empiric report {run}` shows what it found"));
    Ok(ExitCode::SUCCESS)
}

async fn cancel(client: &Client, run: &RunId) -> Result<(), CliError> {
    let refused = |reason: String| CliError::Refused { action: "cancel the run", reason };
    if !is_going_on(client, run).await? {
        return Err(refused("it has ended".to_owned()));
    }
    let handle: WorkflowHandle<Client, Lifecycle> = client.get_workflow_handle(run.as_str());
    handle
        .cancel(WorkflowCancelOptions::default())
        .await
        .map_err(|error| refused(words::of_interaction(&error)))?;
    let ended = async {
        while is_going_on(client, run).await? {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    };
    let late = |_| {
        refused(
            "it has not ended within a minute; a worker that keeps its job must come back first".to_owned(),
        )
    };
    tokio::time::timeout(PATIENCE, ended).await.map_err(late)?
}

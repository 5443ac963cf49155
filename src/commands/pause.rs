//! `empiric pause`: holds back the next job of a run.

use std::process::ExitCode;

use empiric_schema::id::RunId;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::{Client, WorkflowExecuteUpdateOptions, WorkflowHandle};

use super::status::find_run;
use crate::cli::{Global, RunRef};
use crate::compose::Session;
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::temporal::words;

pub(super) async fn execute(args: &RunRef, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let run = find_run(args, place).await?.run;
    let session = Session::visit(&global.temporal, place).await?;
    let outcome = pause(&session.client, &run).await;
    session.close().await;
    outcome?;
    output::talk(&format!(
        "{run} is paused; a job that runs goes on to its end. `empiric resume {run}` lets it go on"
    ));
    Ok(ExitCode::SUCCESS)
}

async fn pause(client: &Client, run: &RunId) -> Result<(), CliError> {
    let handle: WorkflowHandle<Client, Lifecycle> = client.get_workflow_handle(run.as_str());
    let updated = handle.execute_update(Lifecycle::pause, (), WorkflowExecuteUpdateOptions::default()).await;
    updated.map_err(|error| CliError::Refused { action: "pause the run", reason: words::of_update(&error) })
}

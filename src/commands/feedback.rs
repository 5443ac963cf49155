//! `empiric feedback`: tells a run something without being asked.

use std::process::ExitCode;

use empiric_schema::contract::GivenRemark;
use empiric_schema::id::{ItemId, RunId};
use empiric_schema::question::Remark;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::{Client, WorkflowExecuteUpdateOptions, WorkflowHandle};

use super::answer::{must_go_on, who};
use super::status::find_run;
use crate::cli::{FeedbackArgs, Global, OutputFormat, RunRef};
use crate::compose::Session;
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::temporal::words;

pub(super) async fn execute(
    args: &FeedbackArgs,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    let given = GivenRemark {
        by: who(args.by.as_deref())?,
        text: args.text.clone(),
        item: args.item.clone().map(ItemId::new),
        expected: args.expected.clone(),
    };
    let recorded = find_run(&RunRef { run: args.run.clone() }, place).await?;
    must_go_on(&recorded)?;
    let run = recorded.run;
    let session = Session::visit(&global.temporal, place).await?;
    let outcome = remark(&session.client, &run, given).await;
    session.close().await;
    let remark = outcome?;
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({"run": run, "remark": remark})),
        OutputFormat::Text => {
            let number = remark.number;
            output::talk(&format!(
                "remark {number} is kept with {run}; it stands in the report and changes no decision"
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn remark(client: &Client, run: &RunId, given: GivenRemark) -> Result<Remark, CliError> {
    let handle: WorkflowHandle<Client, Lifecycle> = client.get_workflow_handle(run.as_str());
    let updated =
        handle.execute_update(Lifecycle::remark, given, WorkflowExecuteUpdateOptions::default()).await;
    updated.map_err(|error| CliError::Refused { action: "keep the remark", reason: words::of_update(&error) })
}

//! Asking a project's rollout: how it stands, beginning it, giving it orders. Commands and pages share this.

use empiric_schema::contract::{GivenDemotion, GivenRequalification, SignedClaim};
use empiric_schema::names::QUEUE_CONTROL;
use empiric_schema::rollout::RolloutView;
use empiric_workflows::rollout::{Rollout, RolloutInput};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowStartError, WorkflowUpdateError};
use temporalio_client::{
    Client, WorkflowDescribeOptions, WorkflowExecuteUpdateOptions, WorkflowExecutionStatus, WorkflowHandle,
    WorkflowQueryOptions, WorkflowStartOptions,
};

use crate::error::CliError;
use crate::temporal::words;

/// What is asked of a rollout.
#[derive(Debug)]
pub enum Order {
    /// Bring a version or carry it on.
    Promote(SignedClaim),
    /// Say yes to the open question.
    Approve(SignedClaim),
    /// Say no to it.
    Reject(SignedClaim),
    /// Say whether a run looks for another model.
    Requalify(GivenRequalification),
    /// Step back.
    Demote(GivenDemotion),
}

/// Starts a rollout unless it goes on already.
pub async fn begin(client: &Client, input: RolloutInput) -> Result<(), CliError> {
    let id = RolloutInput::workflow_id(&input.spec.name);
    let options = WorkflowStartOptions::new(QUEUE_CONTROL, id).build();
    match client.start_workflow(Rollout::run, input, options).await {
        Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
        Err(error) => {
            Err(CliError::Refused { action: "start the rollout", reason: words::innermost(&error) })
        }
    }
}

/// Whether the project's rollout goes on.
pub async fn is_going_on(client: &Client, project: &str) -> Result<bool, CliError> {
    match handle(client, project).describe(WorkflowDescribeOptions::default()).await {
        Ok(described) => Ok(described.status() == WorkflowExecutionStatus::Running),
        Err(WorkflowInteractionError::NotFound(_)) => Ok(false),
        Err(error) => {
            Err(CliError::Refused { action: "describe the rollout", reason: words::of_interaction(&error) })
        }
    }
}

/// The rollout as it stands.
pub async fn view(client: &Client, project: &str) -> Result<RolloutView, CliError> {
    let refused = |reason| CliError::Refused { action: "show the rollout", reason };
    let found = handle(client, project).query(Rollout::view, (), WorkflowQueryOptions::default()).await;
    let found = found.map_err(|error| refused(words::of_query(&error)))?;
    found.ok_or_else(|| refused("it has not begun".to_owned()))
}

/// Gives an order and waits until it is carried out; the rollout after it.
pub async fn order(client: &Client, project: &str, order: Order) -> Result<RolloutView, CliError> {
    let handle = handle(client, project);
    let options = WorkflowExecuteUpdateOptions::default();
    let (action, done) = match order {
        Order::Promote(claim) => {
            ("promote the version", handle.execute_update(Rollout::promote, claim, options).await)
        }
        Order::Approve(claim) => {
            ("take the yes", handle.execute_update(Rollout::approve, claim, options).await)
        }
        Order::Reject(claim) => ("take the no", handle.execute_update(Rollout::reject, claim, options).await),
        Order::Requalify(given) => {
            ("take the word", handle.execute_update(Rollout::requalify, given, options).await)
        }
        Order::Demote(given) => ("step back", handle.execute_update(Rollout::demote, given, options).await),
    };
    let refused = |reason| CliError::Refused { action, reason };
    let view = done.map_err(|error: WorkflowUpdateError| refused(words::of_update(&error)))?;
    view.ok_or_else(|| refused("the rollout shows nothing".to_owned()))
}

fn handle(client: &Client, project: &str) -> WorkflowHandle<Client, Rollout> {
    client.get_workflow_handle(RolloutInput::workflow_id(project))
}

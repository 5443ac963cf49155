//! What a server or a workflow said, in words for people: never a dump of the SDK's types.

use std::error::Error;

use temporalio_client::errors::{WorkflowInteractionError, WorkflowQueryError, WorkflowUpdateError};
use tonic::{Code, Status};

/// Why an update was refused.
pub fn of_update(error: &WorkflowUpdateError) -> String {
    match error {
        WorkflowUpdateError::Failed(failure) => failure.message.clone(),
        WorkflowUpdateError::NotFound(status) | WorkflowUpdateError::Rpc(status) => of_status(status),
        other => innermost(other),
    }
}

/// Why a query had no answer.
pub fn of_query(error: &WorkflowQueryError) -> String {
    match error {
        WorkflowQueryError::NotFound(status) | WorkflowQueryError::Rpc(status) => of_status(status),
        other => innermost(other),
    }
}

/// Why a run could not be described or cancelled.
pub fn of_interaction(error: &WorkflowInteractionError) -> String {
    match error {
        WorkflowInteractionError::NotFound(status) | WorkflowInteractionError::Rpc(status) => {
            of_status(status)
        }
        other => innermost(other),
    }
}

/// The cause at the end of the chain: what lies above it repeats it in the SDK's types.
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

fn of_status(status: &Status) -> String {
    match status.code() {
        Code::Unavailable => {
            let cause = status.source().map_or_else(|| status.message().to_owned(), innermost);
            format!("the server has gone ({cause}); `empiric run` goes on where the run was")
        }
        _ => status.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_workflow_said_comes_alone() {
        let failure = temporalio_common::protos::temporal::api::failure::v1::Failure {
            message: "the run is not paused".to_owned(),
            ..Default::default()
        };
        assert_eq!(of_update(&WorkflowUpdateError::Failed(Box::new(failure))), "the run is not paused");
    }

    #[test]
    fn a_server_that_has_gone_is_told_with_what_to_do() {
        let words = of_query(&WorkflowQueryError::Rpc(Status::unavailable("tcp connect error")));
        assert_eq!(words, "the server has gone (tcp connect error); `empiric run` goes on where the run was");
    }
}

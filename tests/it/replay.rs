//! Recorded histories still replay: a change of the workflows that breaks runs in flight fails here.
//!
//! `tests/e2e/histories.rs` records them. A change that is meant to break them needs a version gate, or,
//! as long as nobody has runs in flight, new histories.

use empiric_schema::contract::LifecycleInput;
use empiric_schema::view::RunView;
use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use empiric_workflows::rollout::Rollout;
use temporalio_client::WorkflowHistory;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflow_replayer::{
    WorkflowReplayError, WorkflowReplayFailure, WorkflowReplayer, WorkflowReplayerOptions,
};
use temporalio_workflow::{WorkflowContext, WorkflowResult, WorkflowTermination};

use crate::program::root;

fn history(name: &str) -> WorkflowHistory {
    let path = root().join("tests/histories").join(name).with_extension("json");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    WorkflowHistory::from_json(&bytes).unwrap()
}

fn replayer() -> WorkflowReplayer {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<Lifecycle>()
        .and_then(|options| options.register_workflow::<Iteration>())
        .and_then(|options| options.register_workflow::<Rollout>());
    WorkflowReplayer::new(options.unwrap().build()).unwrap()
}

#[tokio::test]
async fn every_recorded_history_replays() {
    let replayer = replayer();
    for run in ["success", "plateau", "cancelled", "ladder", "asked"] {
        for kind in ["lifecycle", "iteration"] {
            let name = format!("{run}-{kind}");
            let replayed = replayer.replay_workflow(history(&name)).await;
            assert!(replayed.is_ok(), "{name}: {replayed:?}");
        }
    }
}

#[tokio::test]
async fn the_recorded_rollout_replays() {
    let replayed = replayer().replay_workflow(history("rollout")).await;
    assert!(replayed.is_ok(), "{replayed:?}");
}

/// A lifecycle that sleeps first: what a thoughtless change would be.
#[workflow]
#[derive(Default)]
struct Sleepy;

#[workflow_methods]
impl Sleepy {
    #[run(name = "empiric.lifecycle")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, _input: LifecycleInput) -> WorkflowResult<RunView> {
        ctx.timer(std::time::Duration::from_secs(1)).await;
        Err(WorkflowTermination::cancelled())
    }
}

#[tokio::test]
async fn a_lifecycle_that_begins_differently_is_found_out() {
    let options = WorkflowReplayerOptions::new().register_workflow::<Sleepy>().unwrap();
    let replayer = WorkflowReplayer::new(options.build()).unwrap();
    let replayed = replayer.replay_workflow(history("success-lifecycle")).await;
    let Err(WorkflowReplayError::Replay(WorkflowReplayFailure::Nondeterminism { message })) = &replayed
    else {
        panic!("{replayed:?}");
    };
    assert!(!message.is_empty());
}

#[tokio::test]
async fn a_history_of_other_work_is_found_out() {
    let path = root().join("tests/histories/success-lifecycle.json");
    let text = std::fs::read_to_string(path).unwrap().replace("scope.freeze", "scope.thaw");
    let history = WorkflowHistory::from_json(text.as_bytes()).unwrap();
    let replayed = replayer().replay_workflow(history).await;
    let is_found =
        matches!(&replayed, Err(WorkflowReplayError::Replay(WorkflowReplayFailure::Nondeterminism { .. })));
    assert!(is_found, "{replayed:?}");
}

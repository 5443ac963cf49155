//! Histories of whole runs: the present code replays what it has just recorded.
//!
//! With EMPIRIC_RECORD=1 they are written to `tests/histories`, where `tests/it/replay.rs` replays them
//! with the code of later days. Record anew only when a change of the workflows is meant to break them.

use std::path::Path;

use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::{WorkflowCancelOptions, WorkflowHistory};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use crate::bench::{Bench, Say, TestRun, ladder, project};
use crate::fakes::{Script, examples_help, ladder_fails, ladder_helps, nothing_helps};

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_today_replay_with_the_code_of_today() {
    let bench = Bench::start().await;
    let (success, _) = bench.run_to_end(project(""), Script::new(examples_help)).await;
    keep(&success, "success").await;
    let (plateau, _) = bench.run_to_end(project(""), Script::new(nothing_helps)).await;
    keep(&plateau, "plateau").await;
    let cancelled = bench.run(project(""), Script::new(examples_help).holding("iteration 1, round 2")).await;
    cancelled.script.until(|seen| seen.jobs.iter().any(|job| job.contains("round 2"))).await;
    cancelled.handle.cancel(WorkflowCancelOptions::default()).await.unwrap();
    cancelled.result().await.unwrap_err();
    keep(&cancelled, "cancelled").await;
    let (climbed, _) = bench.run_to_end(ladder(), Script::new(ladder_helps).diagnosed(ladder_fails)).await;
    keep(&climbed, "ladder").await;
    let people = "people: {approve: [release], deadline: 500ms}\n";
    let asked = bench.run(project(people), Script::new(examples_help)).await;
    asked.question(|question| question.escalated.is_some()).await;
    asked.answer(1, Say::Approve).await.unwrap();
    asked.end().await;
    keep(&asked, "asked").await;
    bench.stop().await;
}

/// Replays both histories of a run, and writes them where that is asked for.
async fn keep(run: &TestRun, name: &str) {
    for (history, kind) in [(run.history(), "lifecycle"), (run.iteration_history(), "iteration")] {
        let json = history.to_json().await.unwrap();
        replayer().replay_workflow(WorkflowHistory::from_json(&json).unwrap()).await.unwrap();
        if std::env::var_os("EMPIRIC_RECORD").is_some_and(|value| value == "1") {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
            std::fs::write(folder.join(format!("{name}-{kind}.json")), json).unwrap();
        }
    }
}

fn replayer() -> WorkflowReplayer {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<Lifecycle>()
        .and_then(|options| options.register_workflow::<Iteration>())
        .unwrap();
    WorkflowReplayer::new(options.build()).unwrap()
}

//! What people and clocks do to a run: pause, resume, cancel, and the wall-clock limit.

use empiric_schema::budget::Resource;
use empiric_schema::contract::Record;
use empiric_schema::decision::StopReason;
use empiric_schema::view::RunState;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::errors::{WorkflowGetResultError, WorkflowUpdateError};
use temporalio_client::{WorkflowCancelOptions, WorkflowExecuteUpdateOptions, WorkflowExecutionStatus};

use crate::bench::{Bench, TestRun, gist, project};
use crate::fakes::{Call, Fault, Script, examples_help};

async fn pause(run: &TestRun) -> Result<(), WorkflowUpdateError> {
    run.handle.execute_update(Lifecycle::pause, (), WorkflowExecuteUpdateOptions::default()).await
}

async fn resume(run: &TestRun) -> Result<(), WorkflowUpdateError> {
    run.handle.execute_update(Lifecycle::resume, (), WorkflowExecuteUpdateOptions::default()).await
}

/// Gives the workflow every chance to go on: each question is a workflow task of its own.
async fn ask_often(run: &TestRun) {
    for _ in 0..30 {
        run.view().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_in_a_job_says_so() {
    let bench = Bench::start().await;
    // A limit on the clock must not be blamed.
    let limit = "budget: {wall_clock: 30m}\n";
    for (label, budget) in [
        ("first measurement", limit),
        ("iteration 1, round 1", limit),
        ("locked test", ""),
        ("locked test", limit),
    ] {
        let run = bench.run(project(budget), Script::new(examples_help).holding(label)).await;
        run.script.until(|seen| seen.jobs.iter().any(|job| job.starts_with(label))).await;
        run.handle.cancel(WorkflowCancelOptions::default()).await.unwrap();
        let ended = run.result().await;
        assert!(matches!(ended, Err(WorkflowGetResultError::Cancelled { .. })), "{label}: {ended:?}");
        assert_eq!(run.status().await, WorkflowExecutionStatus::Canceled);
        let view = run.view().await;
        assert_eq!((view.stop, view.state), (Some(StopReason::Cancelled), RunState::Finished), "{label}");
        let is_told = |record: &Record| matches!(record, Record::Run(view) if view.stop.is_some());
        assert!(run.script.look(|seen| seen.records.iter().any(is_told)), "{label}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_and_resume_are_refused_in_the_wrong_state() {
    let bench = Bench::start().await;
    let run = bench.run(project(""), Script::new(examples_help).holding("first measurement")).await;
    run.script.until(|seen| !seen.jobs.is_empty()).await;
    let refused = resume(&run).await.unwrap_err().to_string();
    assert!(refused.contains("the run is not paused"), "{refused}");
    pause(&run).await.unwrap();
    assert_eq!(run.view().await.state, RunState::Paused);
    let refused = pause(&run).await.unwrap_err().to_string();
    assert!(refused.contains("the run is not going on"), "{refused}");
    resume(&run).await.unwrap();
    assert_eq!(run.view().await.state, RunState::Running);
    run.script.hold(None);
    run.end().await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_begins_while_a_run_is_paused_and_the_decisions_stay_the_same() {
    let bench = Bench::start().await;
    let (_, plain) = bench.run_to_end(project(""), Script::new(examples_help)).await;
    // In the lifecycle before an iteration, within an iteration, and between the two.
    for (held, jobs) in [("first measurement", 1), ("iteration 1, round 1", 9), ("iteration 1, finalist", 0)]
    {
        let run = bench.run(project(""), Script::new(examples_help).holding(held)).await;
        run.script.until(|seen| seen.jobs.iter().any(|job| job.starts_with(held))).await;
        pause(&run).await.unwrap();
        run.script.hold(None);
        let begun = run.script.look(|seen| seen.jobs.len());
        let jobs = jobs.max(begun as u32);
        run.script.until(|seen| seen.worked >= jobs).await;
        ask_often(&run).await;
        assert_eq!(run.script.look(|seen| seen.jobs.len()), jobs as usize, "{held}");
        assert_eq!(run.view().await.state, RunState::Paused, "{held}");
        resume(&run).await.unwrap();
        assert_eq!(gist(&run.end().await), gist(&plain), "{held}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_can_be_cancelled() {
    let bench = Bench::start().await;
    let run = bench.run(project(""), Script::new(examples_help).holding("iteration 1, round 1")).await;
    run.script.until(|seen| seen.jobs.len() == 9).await;
    pause(&run).await.unwrap();
    run.script.hold(None);
    run.script.until(|seen| seen.worked == 9).await;
    run.handle.cancel(WorkflowCancelOptions::default()).await.unwrap();
    let ended = run.result().await;
    assert!(matches!(ended, Err(WorkflowGetResultError::Cancelled { .. })), "{ended:?}");
    assert_eq!(run.view().await.stop, Some(StopReason::Cancelled));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_clock_limit_cancels_the_work_in_flight() {
    let bench = Bench::start().await;
    for label in ["first measurement", "iteration 1, round 1, c2"] {
        let script = Script::new(examples_help).with_faults(move |call, _| {
            (*call == Call::Job(label.to_owned())).then_some(Fault::WaitForCancellation)
        });
        let (_, view) = bench.run_to_end(project("budget: {wall_clock: 2s}\n"), script).await;
        assert_eq!(view.stop, Some(StopReason::Budget { resource: Resource::WallClock }), "{label}");
        assert!(view.updated - view.started >= 2.0, "{label}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_clock_limit_ends_a_paused_run() {
    let bench = Bench::start().await;
    let script = Script::new(examples_help).holding("first measurement");
    let run = bench.run(project("budget: {wall_clock: 3s}\n"), script).await;
    run.script.until(|seen| !seen.jobs.is_empty()).await;
    pause(&run).await.unwrap();
    run.script.hold(None);
    let view = run.end().await;
    assert_eq!(view.stop, Some(StopReason::Budget { resource: Resource::WallClock }));
    bench.stop().await;
}

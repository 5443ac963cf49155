//! Every activity of a run fails in turn, and every one runs twice: the decisions stay the same.

use empiric_schema::decision::StopReason;
use empiric_schema::view::RunView;
use futures::future::join_all;

use crate::bench::{Bench, gist, project};
use crate::fakes::{Call, Fault, Script, examples_help};

/// Every execution of a run without faults.
async fn calls(bench: &Bench) -> (RunView, Vec<Call>) {
    let (run, view) = bench.run_to_end(project(""), Script::new(examples_help)).await;
    let calls = run.script.look(|seen| {
        let jobs = seen.jobs.iter().cloned().map(Call::Job);
        let records = (1..=seen.batches).map(Call::Record);
        std::iter::once(Call::Freeze).chain(jobs).chain(records).collect()
    });
    (view, calls)
}

/// Runs once for each execution, in which that one goes wrong as often as said.
async fn in_turn(bench: &Bench, calls: &[Call], fault: Fault, times: u32) -> Vec<(Call, RunView)> {
    join_all(calls.iter().map(|wrong| async move {
        let target = wrong.clone();
        let script = Script::new(examples_help)
            .with_faults(move |call, attempt| (*call == target && attempt <= times).then_some(fault));
        let (run, view) = bench.run_to_end(project(""), script).await;
        assert_eq!(run.script.look(|seen| seen.faults), times, "{wrong:?}");
        (wrong.clone(), view)
    }))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_that_fails_twice_changes_no_decision() {
    let bench = Bench::start().await;
    let (plain, calls) = calls(&bench).await;
    for (wrong, view) in in_turn(&bench, &calls, Fault::Stumble, 2).await {
        assert_eq!(gist(&view), gist(&plain), "{wrong:?}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_that_runs_twice_changes_no_decision() {
    let bench = Bench::start().await;
    let (plain, calls) = calls(&bench).await;
    for (wrong, view) in in_turn(&bench, &calls, Fault::LoseResult, 1).await {
        assert_eq!(gist(&view), gist(&plain), "{wrong:?}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_which_every_activity_runs_twice_decides_the_same() {
    let bench = Bench::start().await;
    let (plain, _) = calls(&bench).await;
    let script =
        Script::new(examples_help).with_faults(|_, attempt| (attempt == 1).then_some(Fault::LoseResult));
    let (run, view) = bench.run_to_end(project(""), script).await;
    assert_eq!(gist(&view), gist(&plain));
    assert_eq!(run.script.look(|seen| (seen.freezes, seen.worked)), (2, 2 * plain.jobs));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_or_a_freeze_that_fails_for_good_needs_a_person_and_says_what_is_wrong() {
    let bench = Bench::start().await;
    let (_, calls) = calls(&bench).await;
    let work: Vec<Call> = calls.into_iter().filter(|call| !matches!(call, Call::Record(_))).collect();
    for (wrong, view) in in_turn(&bench, &work, Fault::Refuse, 1).await {
        let problem = "the weights are no GGUF file".to_owned();
        assert_eq!(view.stop, Some(StopReason::NeedsPerson { problem }), "{wrong:?}");
    }
    bench.stop().await;
}

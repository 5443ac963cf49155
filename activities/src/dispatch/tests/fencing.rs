//! Attempts that were lost, and attempts that come too late.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use serde_json::json;

use super::*;
use crate::dispatch::tree::ProcessId;

/// Lets a job fail, so that its folder exists, and puts a lost owner into it.
async fn lost_attempt(bench: &Bench, script: &str, child: ProcessId, token: &str) {
    bench.failure(script).await;
    let worker = ProcessId { start: 1, ..ProcessId::current() };
    let owner = json!({ "token": token, "worker": worker, "child": child });
    fs::write(bench.job_folder().join("owner.json"), owner.to_string()).unwrap();
}

fn sleeper(token: &str) -> Child {
    Command::new("sleep").arg("1000").env("EMPIRIC_JOB_TOKEN", token).process_group(0).spawn().unwrap()
}

/// Something once the owner's record names a child.
fn has_child(owner: &std::path::Path) -> Option<()> {
    let record: serde_json::Value = serde_json::from_slice(&fs::read(owner).ok()?).ok()?;
    (!record["child"].is_null()).then_some(())
}

#[tokio::test]
async fn the_orphan_of_a_lost_attempt_is_ended_before_the_next_one_starts() {
    let bench = Bench::new().await;
    let mut orphan = sleeper("unrelated");
    let state = bench.path("state");
    let script = format!("cut -d' ' -f3 /proc/{}/stat > {}; exit 65", orphan.id(), state.display());
    lost_attempt(&bench, &script, ProcessId::of(orphan.id()), "lost").await;
    assert_eq!(bench.class(&script).await, ExitClass::InvalidInput);
    assert_eq!(fs::read_to_string(state).unwrap(), "Z\n", "dead before the second attempt ran");
    orphan.wait().unwrap();
    assert!(bench.job_folder().join("attempt-2").exists());
}

#[tokio::test]
async fn an_orphan_whose_number_was_not_recorded_is_found_by_its_token() {
    let bench = Bench::new().await;
    let mut orphan = sleeper("lost-without-number");
    let nobody = ProcessId { pid: 0, start: 0 };
    lost_attempt(&bench, "exit 65", nobody, "lost-without-number").await;
    bench.failure("exit 65").await;
    assert!(!is_alive(orphan.id()));
    orphan.wait().unwrap();
}

#[tokio::test]
async fn a_stranger_with_a_used_number_is_left_alone() {
    let bench = Bench::new().await;
    let mut stranger = sleeper("unrelated");
    let recorded = ProcessId { start: 1, ..ProcessId::of(stranger.id()) };
    lost_attempt(&bench, "exit 65", recorded, "lost").await;
    bench.failure("exit 65").await;
    assert!(is_alive(stranger.id()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn an_attempt_that_lost_its_job_ends_its_program_and_publishes_nothing() {
    let bench = Bench::new().await;
    let pids = bench.path("pids");
    let script = format!("echo $$ > {}; sleep 1000", pids.display());
    let request = request(&script);
    let take_over = async {
        let pid = until("a process number", || numbers(&pids, 1)).await[0];
        // The attempt writes its child down after it has started it; a take-over comes later than that.
        let owner = bench.job_folder().join("owner.json");
        until("the child's record", || has_child(&owner)).await;
        let owner = json!({ "token": "other", "worker": ProcessId::current(), "child": null });
        let path = bench.job_folder().join("owner.json");
        fs::write(path.with_extension("new"), owner.to_string()).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
        pid
    };
    let (ended, pid) = tokio::join!(run(&bench.dispatcher, &request, pending()), take_over);
    assert!(matches!(ended, Err(DispatchError::Superseded)), "{ended:?}");
    assert!(!is_alive(pid) && !bench.job_folder().join("outcome.json").exists());
    let owner = fs::read_to_string(bench.job_folder().join("owner.json")).unwrap();
    assert!(owner.contains("other"), "the new owner keeps the job");
}

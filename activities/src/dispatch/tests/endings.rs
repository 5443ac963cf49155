//! Ends that the dispatcher brings about: cancellation, drain, budget, silence.

use empiric_schema::job::Usage;

use super::*;

/// Prints one line of progress with so many tokens.
fn progress(tokens: u64) -> String {
    let usage = Usage { prompt_tokens: tokens, ..Usage::default() };
    let line = Progress { phase: "generate".into(), step: 1, total: 9, usage, ..Progress::default() };
    format!("echo '{}' >> progress.jsonl;", serde_json::to_string(&line).unwrap())
}

/// Runs until `pids` has this many lines, stops, and gives the process numbers.
async fn stopped(bench: &Bench, script: &str, lines: usize, reason: Stop) -> Vec<u32> {
    let pids = bench.path("pids");
    let stop = async {
        until("process numbers", || numbers(&pids, lines)).await;
        reason
    };
    let ended = run(&bench.dispatcher, &request(script), stop).await;
    assert!(matches!(ended, Err(DispatchError::Stopped(why)) if why == reason), "{ended:?}");
    numbers(&pids, lines).unwrap()
}

#[tokio::test]
async fn cancelling_ends_the_whole_tree_also_what_ignores_and_hides() {
    let bench = Bench::new().await;
    let pids = bench.path("pids");
    let script = format!(
        r#"pids={pids}
        trap '' TERM
        echo $$ >> $pids
        sh -c 'echo $$ >> '$pids'; trap "" TERM; while :; do sleep 1; done' &
        setsid sh -c 'echo $$ >> '$pids'; trap "" TERM HUP; while :; do sleep 1; done' &
        (setsid sh -c '(sh -c "echo \$\$ >> '$pids'; exec sleep 1000") & exit 0' &)
        while :; do sleep 1; done"#,
        pids = pids.display()
    );
    for pid in stopped(&bench, &script, 4, Stop::Cancelled).await {
        assert!(!is_alive(pid), "process {pid} is still there");
    }
    assert!(!bench.job_folder().join("outcome.json").exists());
    assert!(!bench.job_folder().join("owner.json").exists());
}

#[tokio::test]
async fn a_job_that_heeds_the_request_is_not_killed() {
    let bench = Bench::with(|settings| settings.grace = DEADLINE).await;
    let (pids, note) = (bench.path("pids"), bench.path("note"));
    let script = format!(
        "trap 'echo bye > {}; exit 83' TERM; echo $$ > {}; while :; do sleep 0.05; done",
        note.display(),
        pids.display()
    );
    stopped(&bench, &script, 1, Stop::Draining).await;
    assert_eq!(fs::read_to_string(note).unwrap(), "bye\n");
}

#[tokio::test]
async fn a_drained_job_runs_again_afterwards() {
    let bench = Bench::new().await;
    let (pids, go) = (bench.path("pids"), bench.path("go"));
    let script = format!(
        "echo $$ >> {}; while ! test -e {}; do sleep 0.02; done; {SUCCEED}",
        pids.display(),
        go.display()
    );
    stopped(&bench, &script, 1, Stop::Draining).await;
    fs::write(go, "").unwrap();
    assert!(!bench.run(&script).await.unwrap().reused);
    assert!(bench.job_folder().join("attempt-2").exists());
}

#[tokio::test]
async fn a_stop_that_comes_first_starts_nothing() {
    let bench = Bench::new().await;
    let script = format!("touch {}", bench.path("ran").display());
    let ended = run(&bench.dispatcher, &request(&script), async { Stop::Cancelled }).await;
    assert!(matches!(ended, Err(DispatchError::Stopped(Stop::Cancelled))));
    assert!(!bench.path("ran").exists());
}

#[tokio::test]
async fn tokens_over_the_reservation_stop_work_in_flight() {
    let bench = Bench::new().await;
    let mut request = request(&format!("{} sleep 1000", progress(101)));
    request.job.reserve = Spend { tokens: 100, ..Spend::default() };
    let outcome = run(&bench.dispatcher, &request, pending()).await.unwrap();
    assert_eq!(outcome.class, ExitClass::BudgetExhausted);
    assert_eq!(outcome.usage.prompt_tokens, 101);
    assert!(outcome.outputs.is_empty() && !bench.job_folder().join("outcome.json").exists());
}

#[tokio::test]
async fn device_seconds_count_without_a_word_from_the_job() {
    let bench = Bench::new().await;
    let mut request = request("sleep 1000");
    request.job.reserve = Spend { device_seconds: 0.2, ..Spend::default() };
    let outcome = run(&bench.dispatcher, &request, pending()).await.unwrap();
    assert_eq!(outcome.class, ExitClass::BudgetExhausted);
    assert!(outcome.usage.seconds > 0.2);
}

#[tokio::test]
async fn a_greater_reservation_runs_the_job_that_a_small_one_ended() {
    let bench = Bench::new().await;
    let script = format!("{} test -e {} || sleep 1000; {SUCCEED}", progress(101), bench.path("go").display());
    let mut request = request(&script);
    request.job.reserve = Spend { tokens: 100, ..Spend::default() };
    let outcome = run(&bench.dispatcher, &request, pending()).await.unwrap();
    assert_eq!(outcome.class, ExitClass::BudgetExhausted);
    fs::write(bench.path("go"), "").unwrap();
    request.job.reserve = Spend { tokens: 200, ..Spend::default() };
    let outcome = run(&bench.dispatcher, &request, pending()).await.unwrap();
    assert_eq!((outcome.class, outcome.reused), (ExitClass::Success, false));
}

#[tokio::test]
async fn a_silent_job_is_hung() {
    let bench = Bench::with(|settings| settings.silence = Duration::from_millis(100)).await;
    let failure = bench.failure(&format!("echo starting; {} sleep 1000", progress(1))).await;
    assert_eq!(failure.class, ExitClass::Hung);
    assert_eq!(failure.tail, "starting");
}

#[tokio::test]
async fn progress_is_passed_on_while_the_job_runs() {
    let bench = Bench::new().await;
    let go = bench.path("go");
    let script = format!("{} while ! test -e {}; do sleep 0.02; done; {SUCCEED}", progress(5), go.display());
    let (sender, mut seen) = watch::channel(Progress::default());
    let follow = async {
        let seen = seen.wait_for(|progress| progress.usage.prompt_tokens == 5).await.unwrap().clone();
        fs::write(&go, "").unwrap();
        seen
    };
    let request = request(&script);
    let (outcome, seen) = tokio::join!(bench.dispatcher.run(&request, pending(), &sender), follow);
    assert_eq!((seen.phase.as_str(), seen.total), ("generate", 9));
    assert_eq!(outcome.unwrap().class, ExitClass::Success);
}

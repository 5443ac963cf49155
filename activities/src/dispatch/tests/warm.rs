//! Warm runners: a stand-in for `empiric job serve` that does with each job what a file says.

use std::ops::Deref;

use empiric_schema::job::{Method, Optimisation, TrainSftParams};

use super::*;
use crate::dispatch::memory::MemoryGauge;
use crate::dispatch::warm::{WarmPool, WarmSettings};

/// A bench whose program is the stand-in. Folder of `runners`, `served`, `cold`: process numbers, a line each.
struct WarmBench(Bench);

impl Deref for WarmBench {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.0
    }
}

impl WarmBench {
    async fn new() -> Self {
        Self::with(WarmSettings { least_memory: 0, ..WarmSettings::default() }).await
    }

    async fn with(warm: WarmSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = write_program(folder.path(), &stand_in(folder.path()));
        let dispatcher = open(folder.path(), |settings| {
            settings.program = program;
            settings.warm = Some(warm);
        })
        .await;
        let bench = Self(Bench { folder, dispatcher });
        bench.jobs_do(SUCCEED_EVALUATION);
        bench
    }

    /// What the program does with each job from now on.
    fn jobs_do(&self, script: &str) {
        fs::write(self.path("behaviour"), script).unwrap();
    }

    /// Runs a job that was not run before.
    async fn next(&self, weights: &'static str) -> Result<JobOutcome, DispatchError> {
        self.next_until(weights, pending()).await
    }

    async fn next_until(
        &self,
        weights: &'static str,
        stop: impl Future<Output = Stop>,
    ) -> Result<JobOutcome, DispatchError> {
        let mut request = evaluation_of(self, weights).await;
        request.job.seed = fs::read_dir(self.path("jobs")).unwrap().count() as u64;
        run(&self.dispatcher, &request, stop).await
    }

    /// Runs a job that succeeds, and gives the number of the process that served it.
    async fn served(&self, weights: &'static str) -> u32 {
        let outcome = self.next(weights).await.unwrap();
        assert_eq!((outcome.class, outcome.reused), (ExitClass::Success, false));
        *numbers(&self.path("served"), 1).unwrap().last().unwrap()
    }

    async fn failure(&self, weights: &'static str) -> JobFailure {
        match self.next(weights).await {
            Err(DispatchError::Failed(failure)) => failure,
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    async fn gone(&self, pid: u32) {
        until("end of the runner", || (!is_alive(pid)).then_some(())).await;
    }
}

fn stand_in(folder: &Path) -> String {
    let part = |key: &str| format!(r#"$(printf '%s' "$line" | sed 's/.*"{key}":"\([^"]*\)".*/\1/')"#);
    format!(
        r#"here={here}
        case "$1 $2" in
        "job run") echo $$ >> $here/cold; cd "$3" || exit 64; . $here/behaviour ;;
        "job serve")
            echo $$ >> $here/runners
            while read -r line; do
                cd "{folder}" || exit 64
                token={token}
                echo $$ >> $here/served
                . $here/behaviour
                printf '\036%s\n' "$token"
            done ;;
        *) exit 64 ;;
        esac"#,
        here = folder.display(),
        folder = part("folder"),
        token = part("token"),
    )
}

#[tokio::test]
async fn a_runner_serves_one_job_after_another_and_each_has_its_own_log() {
    let bench = WarmBench::new().await;
    bench.jobs_do(&format!("echo first; echo also >&2; {SUCCEED_EVALUATION}"));
    let first = bench.served("weights").await;
    bench.jobs_do(&format!("printf second; {SUCCEED_EVALUATION}"));
    assert_eq!(bench.served("weights").await, first);
    assert_eq!(numbers(&bench.path("runners"), 1).unwrap(), [first]);
    let mut logs: Vec<String> = fs::read_dir(bench.path("jobs"))
        .unwrap()
        .filter_map(|job| fs::read_to_string(job.unwrap().path().join("attempt-1/job.log")).ok())
        .collect();
    logs.sort();
    assert_eq!(logs, ["first\nalso\n", "second"]);
    assert!(!bench.path("cold").exists());
}

#[tokio::test]
async fn a_runner_with_nothing_to_do_is_ended() {
    let idle = Duration::from_millis(50);
    let bench = WarmBench::with(WarmSettings { idle, least_memory: 0, ..WarmSettings::default() }).await;
    let first = bench.served("weights").await;
    bench.gone(first).await;
    assert_ne!(bench.served("weights").await, first);
}

#[tokio::test]
async fn a_crash_fails_the_attempt_with_its_last_words_and_the_next_job_has_a_new_runner() {
    let bench = WarmBench::new().await;
    let first = bench.served("weights").await;
    for (end, class) in [("kill -KILL $$", ExitClass::Killed), ("kill -SEGV $$", ExitClass::BugOrUnknown)] {
        bench.jobs_do(&format!("echo last words >&2; {end}"));
        let failure = bench.failure("weights").await;
        assert_eq!((failure.class, failure.tail.as_str()), (class, "last words"));
    }
    bench.jobs_do(SUCCEED_EVALUATION);
    let after = bench.served("weights").await;
    assert!(after != first && !is_alive(first));
    assert_eq!(numbers(&bench.path("runners"), 1).unwrap().len(), 3, "each crash costs one runner");
}

#[tokio::test]
async fn a_runner_that_dies_between_two_jobs_costs_no_attempt() {
    let bench = WarmBench::new().await;
    let first = bench.served("weights").await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first as i32), nix::sys::signal::SIGKILL).unwrap();
    assert_ne!(bench.served("weights").await, first);
}

#[tokio::test]
async fn a_job_that_leaves_doubt_ends_its_runner_and_a_wrong_one_does_not() {
    let bench = WarmBench::new().await;
    let first = bench.served("weights").await;
    bench.jobs_do(r#"printf '{"class":"invalid_input","message":"line 3"}' > exit.json"#);
    let failure = bench.failure("weights").await;
    assert_eq!((failure.class, failure.message.as_str()), (ExitClass::InvalidInput, "line 3"));
    bench.jobs_do(r#"printf '{"class":"diverged"}' > exit.json; exit 84"#);
    assert_eq!(bench.failure("weights").await.class, ExitClass::Diverged);
    assert_eq!(numbers(&bench.path("served"), 3).unwrap(), [first; 3]);
    bench.jobs_do(SUCCEED_EVALUATION);
    assert_ne!(bench.served("weights").await, first);
}

#[tokio::test]
async fn cancelling_ends_the_runner_with_everything_that_it_started() {
    let bench = WarmBench::new().await;
    let first = bench.served("weights").await;
    let pids = bench.path("pids");
    bench.jobs_do(&format!("setsid sleep 1000 & echo $! > {}; wait", pids.display()));
    let stop = async {
        until("process numbers", || numbers(&pids, 1)).await;
        Stop::Cancelled
    };
    let ended = bench.next_until("weights", stop).await;
    assert!(matches!(ended, Err(DispatchError::Stopped(Stop::Cancelled))), "{ended:?}");
    assert!(!is_alive(first) && !is_alive(numbers(&pids, 1).unwrap()[0]));
    bench.jobs_do(SUCCEED_EVALUATION);
    assert_ne!(bench.served("weights").await, first);
}

#[tokio::test]
async fn a_job_over_its_reservation_takes_its_runner_with_it() {
    let bench = WarmBench::new().await;
    let first = bench.served("weights").await;
    bench.jobs_do("sleep 1000");
    let mut request = evaluation(&bench).await;
    request.job.seed = 99;
    request.job.reserve = Spend { device_seconds: 0.2, ..Spend::default() };
    let outcome = run(&bench.dispatcher, &request, pending()).await.unwrap();
    assert_eq!(outcome.class, ExitClass::BudgetExhausted);
    assert!(outcome.usage.seconds < 5.0, "of this job, not of the runner");
    assert!(!is_alive(first));
}

#[tokio::test]
async fn another_model_replaces_the_one_unused_for_longest() {
    let one = WarmSettings { models: 1, least_memory: 0, ..WarmSettings::default() };
    let bench = WarmBench::with(one).await;
    let first = bench.served("weights").await;
    let seen = bench.path("seen");
    let see = format!("cut -d' ' -f3 /proc/{first}/stat > {}", seen.display());
    bench.jobs_do(&format!("{see}; {SUCCEED_EVALUATION}"));
    assert_ne!(bench.served("other weights").await, first);
    let state = fs::read_to_string(seen).unwrap();
    assert!(["", "Z\n"].contains(&state.as_str()), "{state}: it goes before the other one starts");

    let bench = WarmBench::new().await;
    let first = bench.served("weights").await;
    let second = bench.served("other weights").await;
    assert_eq!((bench.served("weights").await, bench.served("other weights").await), (first, second));
    bench.served("third weights").await;
    assert!(!is_alive(first) && is_alive(second));
}

#[tokio::test]
async fn a_runner_goes_when_memory_runs_short() {
    let mut bench = WarmBench::new().await;
    let meminfo = bench.path("meminfo");
    let available = |kilobytes: u64| {
        fs::write(meminfo.with_extension("new"), format!("MemAvailable: {kilobytes} kB\n")).unwrap();
        fs::rename(meminfo.with_extension("new"), &meminfo).unwrap();
    };
    available(2000);
    let settings = WarmSettings { least_memory: 1000 << 10, ..WarmSettings::default() };
    let program = bench.dispatcher.settings.runner_program();
    bench.0.dispatcher.warm = Some(WarmPool::new(program, settings, MemoryGauge::of_file(&meminfo)));
    let first = bench.served("weights").await;
    assert_eq!(bench.served("weights").await, first);
    available(999);
    bench.gone(first).await;
    let second = bench.served("weights").await;
    assert!(!is_alive(second), "it is not kept in the first place");
    available(2000);
    let third = bench.served("weights").await;
    assert_eq!(bench.served("weights").await, third);
}

#[tokio::test]
async fn jobs_at_the_same_time_have_a_runner_each_and_one_is_kept() {
    let bench = WarmBench::new().await;
    let (served, go) = (bench.path("served"), bench.path("go"));
    bench.jobs_do(&format!("while ! test -e {}; do sleep 0.02; done; {SUCCEED_EVALUATION}", go.display()));
    let (mut one, mut two) = (evaluation(&bench).await, evaluation(&bench).await);
    (one.job.seed, two.job.seed) = (1, 2);
    let both = async {
        let pids = until("two runners at work", || numbers(&served, 2)).await;
        fs::write(go, "").unwrap();
        pids
    };
    let dispatcher = &bench.dispatcher;
    let (one, two, pids) =
        tokio::join!(run(dispatcher, &one, pending()), run(dispatcher, &two, pending()), both);
    assert!(one.unwrap().class == ExitClass::Success && two.unwrap().class == ExitClass::Success);
    assert_ne!(pids[0], pids[1]);
    assert!(is_alive(pids[0]) ^ is_alive(pids[1]), "one is kept");
    assert!(pids.contains(&bench.served("weights").await));
}

#[tokio::test]
async fn closing_and_dropping_leave_no_runner() {
    let bench = WarmBench::new().await;
    let first = bench.served("weights").await;
    bench.dispatcher.close().await;
    assert!(!is_alive(first));
    let second = bench.served("weights").await;
    assert!(!is_alive(second), "a closed pool keeps nothing");

    let bench = WarmBench::new().await;
    let third = bench.served("weights").await;
    let WarmBench(Bench { folder, dispatcher }) = bench;
    drop(dispatcher);
    until("end of the runner", || (!is_alive(third)).then_some(())).await;
    drop(folder);
}

#[tokio::test]
async fn an_attempt_that_lost_its_job_ends_its_runner() {
    let bench = WarmBench::new().await;
    let served = bench.path("served");
    bench.jobs_do("sleep 1000");
    let take_over = async {
        let pid = until("a runner at work", || numbers(&served, 1)).await[0];
        let path = bench.job_folder().join("owner.json");
        let named = |record: &str| record.contains("\"runner\"").then_some(());
        until("the runner's record", || named(&fs::read_to_string(&path).ok()?)).await;
        fs::write(
            path.with_extension("new"),
            r#"{"token":"other","worker":{"pid":1,"start":1},"child":null}"#,
        )
        .unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
        pid
    };
    let (ended, pid) = tokio::join!(bench.next("weights"), take_over);
    assert!(matches!(ended, Err(DispatchError::Superseded)), "{ended:?}");
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn a_training_and_a_command_run_in_processes_of_their_own() {
    let bench = WarmBench::new().await;
    let mut request = evaluation(&bench).await;
    let JobKind::Evaluate(params) = &request.job.kind else { unreachable!("the fixture is an evaluation") };
    let optimisation =
        r#"{"learning_rate":1e-4,"epochs":1,"batch":1,"micro_batch":1,"warmup":0,"clip":1,"max_tokens":9}"#;
    let optimisation: Optimisation = serde_json::from_str(optimisation).unwrap();
    request.job.kind = JobKind::TrainSft(Box::new(TrainSftParams {
        model: params.version.model.weights().unwrap().clone(),
        train: params.items.clone(),
        dev: None,
        method: Method::Full,
        optimisation,
    }));
    bench.jobs_do("exit 65");
    let ended = run(&bench.dispatcher, &request, pending()).await;
    assert!(matches!(ended, Err(DispatchError::Failed(failure)) if failure.class == ExitClass::InvalidInput));
    assert_eq!(numbers(&bench.path("cold"), 1).unwrap().len(), 1);
    assert_eq!(bench.run(SUCCEED).await.unwrap().class, ExitClass::Success);
    assert!(!bench.path("runners").exists());
}

#[tokio::test]
async fn without_the_setting_each_job_has_its_own_process() {
    let mut bench = WarmBench::new().await;
    bench.0.dispatcher.warm = None;
    for _ in 0..2 {
        assert_eq!(bench.next("weights").await.unwrap().class, ExitClass::Success);
    }
    assert_eq!(numbers(&bench.path("cold"), 2).unwrap().len(), 2);
    assert!(!bench.path("runners").exists());
}

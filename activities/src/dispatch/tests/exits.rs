//! Every row of the exit contract, without processes and with them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use empiric_schema::job::{Exit, ExitClass, Usage};

use super::*;
use crate::dispatch::exit::{Ended, MemoryKill, classify};

fn said(class: ExitClass) -> Exit {
    Exit {
        class,
        message: String::new(),
        outputs: BTreeMap::new(),
        findings: Default::default(),
        usage: Usage::default(),
    }
}

#[test]
fn the_code_speaks_where_exit_json_does_not() {
    use ExitClass::*;
    let rows = [
        (0, BugOrUnknown),
        (1, BugOrUnknown),
        (2, BugOrUnknown),
        (70, BugOrUnknown),
        (134, BugOrUnknown),
        (139, BugOrUnknown),
        (99, BugOrUnknown),
        (64, InvalidInput),
        (65, InvalidInput),
        (66, InvalidInput),
        (77, Permission),
        (78, Config),
        (69, TempFail),
        (74, TempFail),
        (75, TempFail),
        (73, DiskFull),
        (80, GpuOom),
        (81, GpuFault),
        (82, CollectiveTimeout),
        (83, Preempted),
        (143, Preempted),
        (84, Diverged),
        (85, ArtifactCorrupt),
        (86, BudgetExhausted),
        (137, Killed),
    ];
    for (code, class) in rows {
        assert_eq!(classify(None, Ended::Code(code), MemoryKill::Unseen, ""), class, "code {code}");
    }
    for (signal, class) in [(9, Killed), (15, Preempted), (11, BugOrUnknown), (6, BugOrUnknown)] {
        assert_eq!(classify(None, Ended::Signal(signal), MemoryKill::Unseen, ""), class, "signal {signal}");
    }
}

#[test]
fn exit_json_wins_over_the_code_and_the_code_over_the_log() {
    let oom = "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB";
    let diverged = said(ExitClass::Diverged);
    assert_eq!(classify(Some(&diverged), Ended::Code(80), MemoryKill::Seen, oom), ExitClass::Diverged);
    assert_eq!(classify(None, Ended::Code(75), MemoryKill::Seen, oom), ExitClass::TempFail);
    assert_eq!(classify(None, Ended::Code(1), MemoryKill::Seen, oom), ExitClass::GpuOom);
    let full = "write: No space left on device";
    assert_eq!(classify(None, Ended::Code(1), MemoryKill::Unseen, full), ExitClass::DiskFull);
    let xid = "NVRM: Xid (PCI:0000:01:00): 79";
    assert_eq!(classify(None, Ended::Signal(6), MemoryKill::Unseen, xid), ExitClass::GpuFault);
}

#[test]
fn a_kill_is_the_machines_memory_only_with_evidence() {
    assert_eq!(classify(None, Ended::Signal(9), MemoryKill::Seen, ""), ExitClass::HostOom);
    assert_eq!(classify(None, Ended::Code(137), MemoryKill::Seen, ""), ExitClass::HostOom);
    assert_eq!(classify(None, Ended::Signal(9), MemoryKill::Unseen, ""), ExitClass::Killed);
    assert_eq!(classify(None, Ended::Code(1), MemoryKill::Seen, ""), ExitClass::BugOrUnknown);
}

#[test]
fn cancelled_by_somebody_else_may_go_on_elsewhere() {
    let cancelled = said(ExitClass::Cancelled);
    assert_eq!(classify(Some(&cancelled), Ended::Code(130), MemoryKill::Unseen, ""), ExitClass::Preempted);
}

#[test]
fn no_room_is_told_from_other_faults_of_files() {
    let failure =
        |code| JobFailure::io("write", Path::new("/state/job.json"), io::Error::from_raw_os_error(code));
    assert_eq!(failure(28).class, ExitClass::DiskFull);
    assert_eq!(failure(122).class, ExitClass::DiskFull);
    assert_eq!(failure(13).class, ExitClass::Permission);
    assert_eq!(failure(5).class, ExitClass::TempFail);
    assert!(failure(28).to_string().contains("free some space"));
}

#[tokio::test]
async fn real_programs_end_in_every_way() {
    let bench = Bench::new().await;
    for (script, class) in [
        ("exit 65", ExitClass::InvalidInput),
        ("exit 75", ExitClass::TempFail),
        ("exit 84", ExitClass::Diverged),
        ("exit 0", ExitClass::BugOrUnknown),
        ("kill -KILL $$", ExitClass::Killed),
        ("kill -TERM $$", ExitClass::Preempted),
        ("kill -SEGV $$", ExitClass::BugOrUnknown),
        ("echo 'CUDA out of memory' >&2; exit 1", ExitClass::GpuOom),
        (r#"printf '{"class":"config"}' > exit.json; exit 80"#, ExitClass::Config),
        (r#"printf '{"class":"conf' > exit.json; exit 80"#, ExitClass::GpuOom),
        (r#"printf '\000\377' > exit.json; exit 85"#, ExitClass::ArtifactCorrupt),
    ] {
        assert_eq!(bench.class(script).await, class, "{script}");
    }
}

#[tokio::test]
async fn a_failure_says_what_the_job_said_and_where_its_log_is() {
    let bench = Bench::new().await;
    let script = r#"for i in 1 2 3; do echo line $i; done
        printf '{"class":"invalid_input","message":"items.jsonl line 3: no id"}' > exit.json; exit 65"#;
    let text = bench.failure(script).await.to_string();
    assert!(text.starts_with("items.jsonl line 3: no id; its log is "), "{text}");
    assert!(text.contains("/attempt-1/job.log") && text.ends_with("line 2\nline 3"), "{text}");
}

#[tokio::test]
async fn a_program_that_is_not_there_or_cannot_be_named_is_a_wrong_configuration() {
    let bench = Bench::new().await;
    for argv in [&["/no/such/program"][..], &["/bin/echo", "a\0b"], &[]] {
        let ended = run(&bench.dispatcher, &command(argv), pending()).await;
        let Err(DispatchError::Failed(failure)) = ended else { panic!("{argv:?}: {ended:?}") };
        assert_eq!(failure.class, ExitClass::Config, "{argv:?}");
    }
}

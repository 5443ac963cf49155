//! Jobs that behave badly, and what they may see.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn two_hundred_megabytes_of_output_leave_a_small_log_with_both_ends() {
    let bench = Bench::new().await;
    let script = "echo first; head -c 200000000 /dev/zero | tr '\\0' x; echo; echo last; exit 65";
    let failure = bench.failure(script).await;
    assert_eq!((failure.class, failure.tail.ends_with("\nlast")), (ExitClass::InvalidInput, true));
    let log = fs::read(failure.log.unwrap()).unwrap();
    assert!(log.starts_with(b"first\n") && log.len() < 11 << 20, "{} bytes", log.len());
    assert!(failure.tail.len() <= 2048);
}

#[tokio::test]
async fn what_a_job_leaves_behind_is_ended_and_does_not_delay_it() {
    let bench = Bench::new().await;
    let pids = bench.path("pids");
    let script = format!("setsid sleep 1000 & echo $! >> {}; {SUCCEED}", pids.display());
    assert_eq!(bench.run(&script).await.unwrap().class, ExitClass::Success);
    assert!(!is_alive(numbers(&pids, 1).unwrap()[0]));
}

#[tokio::test]
async fn a_job_sees_only_the_environment_that_is_allowed() {
    let bench = Bench::new().await;
    let seen = bench.path("seen");
    bench.run(&format!("env | cut -d= -f1 > {}; {SUCCEED}", seen.display())).await.unwrap();
    let known: BTreeSet<&str> = [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        "RUST_LOG",
        "RUST_BACKTRACE",
        "NO_COLOR",
        "CUDA_VISIBLE_DEVICES",
        "RAYON_NUM_THREADS",
        "EMPIRIC_LIFELINE",
        "EMPIRIC_JOB_DIR",
        "EMPIRIC_JOB_TOKEN",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_", // the shell's own
    ]
    .into();
    let names = fs::read_to_string(seen).unwrap();
    assert!(names.lines().any(|name| name == "EMPIRIC_JOB_TOKEN"));
    let strange: Vec<_> =
        names.lines().filter(|name| !known.contains(name) && !name.starts_with("OTEL_")).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[tokio::test]
async fn a_job_is_told_on_which_device_it_computes() {
    for (device, expected) in [(None, "unset\n"), (Some("cuda".to_owned()), "cuda\n")] {
        let bench = Bench::with(|settings| settings.device = device).await;
        let seen = bench.path("seen");
        let script = format!("echo ${{EMPIRIC_DEVICE-unset}} > {}; {SUCCEED}", seen.display());
        assert_eq!(bench.run(&script).await.unwrap().class, ExitClass::Success);
        assert_eq!(fs::read_to_string(seen).unwrap(), expected);
    }
}

#[tokio::test]
async fn hostile_strings_arrive_as_one_argument_each() {
    let bench = Bench::new().await;
    let seen = bench.path("seen");
    for hostile in ["$(touch x)", "; exit 1", "a b\tc\nd", "'\"`\\", "--help", "*", "", "é\u{202e}"] {
        let script = format!(r#"printf '%s|%s' "$#" "$1" > {}; {SUCCEED}"#, seen.display());
        let request = command(&["/bin/sh", "-c", &script, "sh", hostile]);
        run(&bench.dispatcher, &request, pending()).await.unwrap();
        assert_eq!(fs::read_to_string(&seen).unwrap(), format!("1|{hostile}"));
    }
}

#[tokio::test]
async fn the_program_is_called_with_its_folder_and_finds_its_inputs_there() {
    use empiric_schema::job::{JOB_FILE, JobFile};
    let bench = Bench::new().await;
    let seen = bench.path("seen");
    let script = format!(
        "pwd > {}; echo $EMPIRIC_JOB_DIR >> {}; cp job.json {}; {SUCCEED}",
        seen.display(),
        seen.display(),
        bench.folder.path().display()
    );
    bench.run(&script).await.unwrap();
    let folder = fs::canonicalize(bench.job_folder().join("attempt-1")).unwrap();
    let shown = folder.display().to_string();
    assert_eq!(fs::read_to_string(seen).unwrap(), format!("{shown}\n{shown}\n"));
    let file: JobFile = serde_json::from_slice(&fs::read(bench.path(JOB_FILE)).unwrap()).unwrap();
    assert_eq!((file.attempt, file.spec), (1, request(&script).job));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_does_not_stop_the_job() {
    use crate::dispatch::log::{CappedLog, LogLimits};
    if !Path::new("/dev/full").exists() {
        return;
    }
    let mut log = CappedLog::create(Path::new("/dev/full"), LogLimits::default()).unwrap();
    log.push(b"lost");
    log.push(b"also lost");
    log.finish();
}

/// A stand-in for the `empiric` program that answers with what its inputs are.
fn program(folder: &Path) -> PathBuf {
    let see = "cat $(grep -o '/[^\"]*/inputs/[0-9a-f]*' job.json) > seen\nenv > environment";
    write_program(
        folder,
        &format!("test \"$1 $2\" = 'job run' && cd \"$3\" || exit 64\n{see}\n{SUCCEED_EVALUATION}"),
    )
}

#[tokio::test]
async fn an_evaluation_finds_verified_inputs_and_its_results_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path());
    let bench = Bench::with(|settings| settings.program = path).await;
    let request = evaluation(&bench).await;
    let outcome = run(&bench.dispatcher, &request, pending()).await.unwrap();
    assert_eq!(outcome.findings.evaluation.unwrap().passed, "1");
    assert_eq!(outcome.outputs["results.jsonl"].size, 3);
    let seen = fs::read_to_string(bench.job_folder().join("attempt-1/seen")).unwrap();
    assert!(seen.contains("weights") && seen.contains("items"), "{seen}");
}

#[tokio::test]
async fn a_key_reaches_only_the_job_whose_endpoint_wants_it_and_is_not_written_down() {
    use empiric_schema::id::ModelId;
    use empiric_schema::spec::{EndpointSpec, SecretRef};
    use empiric_schema::version::EndpointBinding;
    // Cargo sets it for tests, and no job is allowed it.
    const VARIABLE: &str = "CARGO_MANIFEST_DIR";
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path());
    let bench = Bench::with(|settings| settings.program = path).await;
    for wanted in [false, true] {
        let mut request = evaluation(&bench).await;
        let JobKind::Evaluate(params) = &mut request.job.kind else { panic!("{request:?}") };
        let endpoint = EndpointSpec {
            url: "https://host/v1".to_owned(),
            model: "m".to_owned(),
            api_key: wanted.then(|| SecretRef::Env(VARIABLE.to_owned())),
            price: None,
            limits: None,
        };
        params.version.model = EndpointBinding { id: ModelId::new("big"), endpoint }.into();
        run(&bench.dispatcher, &request, pending()).await.unwrap();
        let jobs = fs::read_dir(bench.path("jobs")).unwrap().map(|entry| entry.unwrap().path());
        let folders = jobs.map(|job| job.join("attempt-1")).filter(|attempt| attempt.is_dir());
        let with_key = |file: &str, text: &str| {
            let has = |folder: &PathBuf| fs::read_to_string(folder.join(file)).unwrap().contains(text);
            folders.map(|folder| has(&folder)).collect::<Vec<_>>()
        };
        let line = format!("{VARIABLE}={}\n", env!("CARGO_MANIFEST_DIR"));
        let seen = with_key("environment", &line);
        assert_eq!((seen.len(), seen.contains(&true)), (1 + usize::from(wanted), wanted));
    }
    let written = fs::read_to_string(bench.job_folder().join("attempt-1/job.json")).unwrap();
    assert!(!written.contains(&format!("\"{}\"", env!("CARGO_MANIFEST_DIR"))), "{written}");
}

#[tokio::test]
async fn a_damaged_or_lost_input_is_refused_before_anything_starts() {
    let bench = Bench::new().await;
    let request = evaluation(&bench).await;
    let digest = request.job.artifacts()[0].digest.clone();
    let object = bench.path("store/sha256").join(&digest.hex()[..2]).join(&digest.hex()[2..]);
    for (damage, class) in [(Some("bit flip"), ExitClass::ArtifactCorrupt), (None, ExitClass::InvalidInput)] {
        fs::remove_file(&object).unwrap();
        if let Some(bytes) = damage {
            fs::write(&object, bytes).unwrap();
        }
        let ended = run(&bench.dispatcher, &request, pending()).await;
        let Err(DispatchError::Failed(failure)) = ended else { panic!("{ended:?}") };
        assert_eq!((failure.class, failure.log), (class, None));
    }
}

//! A job as a process of its own: told to stop, and orphaned.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use empiric_jobs::runner::run;
use empiric_schema::job::{EXIT_FILE, Exit, ExitClass, JOB_FILE};

/// Set in the child: the folder of the job that it runs.
const FOLDER: &str = "EMPIRIC_TEST_FOLDER";

/// The child's side. The test program starts itself again with only this test, which then is the job.
#[test]
fn job_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        std::process::exit(run(Path::new(&folder)).code());
    }
}

/// A folder whose job waits for ever: its job file is a pipe that nobody writes to.
fn waiting_job() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join(JOB_FILE)).status().unwrap();
    assert!(made.success());
    folder
}

fn start(folder: &Path) -> Child {
    command(folder).spawn().unwrap()
}

fn command(folder: &Path) -> Command {
    let program: PathBuf = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command
        .args(["--exact", "job_process", "--nocapture"])
        .env(FOLDER, folder)
        .env("EMPIRIC_LIFELINE", "stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Opens the job file as its writer, which succeeds only once the job reads it: it is then up and listening.
fn wait_until_running(folder: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(folder.join(JOB_FILE)).unwrap()
}

fn drain(child: &mut Child) {
    let output = child.stdout.take().unwrap();
    BufReader::new(output).lines().for_each(drop);
}

fn stopped_by(signal: &str, class: ExitClass) {
    let folder = waiting_job();
    let mut child = start(folder.path());
    let _pipe = wait_until_running(folder.path());
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    drain(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(class.code()));
    let exit: Exit = serde_json::from_slice(&std::fs::read(folder.path().join(EXIT_FILE)).unwrap()).unwrap();
    assert_eq!(exit.class, class);
}

#[test]
fn a_job_that_is_told_to_stop_leaves_an_exit_file() {
    stopped_by("-TERM", ExitClass::Cancelled);
}

#[test]
fn a_job_whose_node_is_taken_away_says_so() {
    stopped_by("-USR1", ExitClass::Preempted);
}

#[test]
fn a_job_ends_with_its_parent() {
    let folder = waiting_job();
    let mut child = start(folder.path());
    let _pipe = wait_until_running(folder.path());
    // What the system does when the parent dies.
    drop(child.stdin.take());
    drain(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(ExitClass::Killed.code()));
    assert!(!folder.path().join(EXIT_FILE).exists());
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_job_on_a_device_that_the_program_was_not_built_for_says_what_to_do() {
    use empiric_schema::budget::Spend;
    use empiric_schema::job::DEVICE_VARIABLE;

    let folder = tempfile::tempdir().unwrap();
    let job = serde_json::json!({
        "kind": "command", "argv": ["true"], "seed": 1, "reserve": Spend::default(),
        "inputs": {}, "outputs": [], "attempt": 1, "threads": 1,
    });
    std::fs::write(folder.path().join(JOB_FILE), job.to_string()).unwrap();
    let ended = |device: &str| {
        let mut child = command(folder.path()).env(DEVICE_VARIABLE, device).spawn().unwrap();
        drain(&mut child);
        let code = child.wait().unwrap().code();
        let exit: Exit =
            serde_json::from_slice(&std::fs::read(folder.path().join(EXIT_FILE)).unwrap()).unwrap();
        assert_eq!(code, Some(exit.class.code()));
        exit
    };
    let refused = ended("cuda");
    assert_eq!(refused.class, ExitClass::Config);
    assert!(refused.message.contains("cargo build --release --features cuda"), "{}", refused.message);
    let unknown = ended("gpu");
    assert_eq!(unknown.class, ExitClass::Config);
    assert!(unknown.message.contains("expected cpu, cuda, or cuda:N"), "{}", unknown.message);
    // On the CPU the same job gets as far as its kind.
    assert_eq!(ended("cpu").class, ExitClass::InvalidInput);
}

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
    let program: PathBuf = std::env::current_exe().unwrap();
    Command::new(program)
        .args(["--exact", "job_process", "--nocapture"])
        .env(FOLDER, folder)
        .env("EMPIRIC_LIFELINE", "stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
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

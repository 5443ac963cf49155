//! `empiric job run`: a job's folder is wrong. `empiric job serve`: nobody has a job.

use empiric_schema::job::{EXIT_FILE, Exit, ExitClass, JOB_FILE};

use crate::program::{Said, empiric, said};

fn run(job: Option<&str>) -> (Said, Option<Exit>) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(job) = job {
        std::fs::write(folder.path().join(JOB_FILE), job).unwrap();
    }
    let said = said(empiric().args(["job", "run"]).arg(folder.path()));
    let exit = std::fs::read(folder.path().join(EXIT_FILE)).ok();
    (said, exit.map(|bytes| serde_json::from_slice(&bytes).unwrap()))
}

fn assert_invalid(job: Option<&str>, told: &str) {
    let (said, exit) = run(job);
    assert_eq!(said.code, Some(ExitClass::InvalidInput.code()), "{}", said.err);
    let exit = exit.expect("exit.json is written");
    assert_eq!(exit.class, ExitClass::InvalidInput, "{exit:?}");
    assert!(exit.message.contains(told), "{exit:?}");
    assert!(exit.outputs.is_empty() && exit.findings.evaluation.is_none(), "{exit:?}");
}

#[test]
fn a_folder_without_job_json_is_invalid_input() {
    assert_invalid(None, JOB_FILE);
}

#[test]
fn a_torn_job_json_is_invalid_input() {
    assert_invalid(Some(r#"{"kind": "evaluate", "version": {"mod"#), JOB_FILE);
}

#[test]
fn an_unknown_kind_of_job_is_invalid_input() {
    let job = r#"{"kind": "divine", "seed": 1, "reserve": {"device_seconds": 0, "tokens": 0, "usd": 0},
        "inputs": {}, "outputs": [], "attempt": 1, "threads": 1}"#;
    assert_invalid(Some(job), "divine");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere");
    let said = said(empiric().args(["job", "run"]).arg(&missing));
    assert_ne!(said.code, Some(0));
    assert!(!missing.exists());
}

#[test]
fn a_warm_runner_ends_when_its_standard_input_does() {
    let said = said(empiric().args(["job", "serve"]).stdin(std::process::Stdio::null()));
    assert_eq!((said.code, said.out.as_str()), (Some(ExitClass::Killed.code()), ""));
}

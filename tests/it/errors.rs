//! Wrong inputs: each has a code, a message that names what is wrong, a next step and an exit code.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;

use empiric_activities::adapters::database::Database;

use crate::program::{Said, empiric, in_folder, new_project, root, said};

/// The message with folders and ports replaced.
macro_rules! assert_told {
    ($name:literal, $said:expr, $folder:expr) => {
        let folder = std::fs::canonicalize($folder).unwrap_or_else(|_| $folder.to_path_buf());
        let told = $said.err.replace(&*folder.to_string_lossy(), "[FOLDER]");
        let told = told.replace(&*$folder.to_string_lossy(), "[FOLDER]");
        insta::with_settings!({filters => vec![(r"127\.0\.0\.1:\d+", "[ADDRESS]")]}, {
            insta::assert_snapshot!($name, told);
        });
    };
}

fn assert_refused(said: &Said, code: i32) {
    assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{}", said.err);
}

#[test]
fn a_folder_without_a_project() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["plan", "run", "start"] {
        let said = in_folder(folder.path(), &[command]);
        assert_eq!(said.code, Some(66), "{command}: {}", said.err);
        assert!(said.err.contains("E0301"), "{command}: {}", said.err);
    }
    assert_told!("no_project", in_folder(folder.path(), &["plan"]), folder.path());
}

#[test]
fn a_project_file_that_is_wrong() {
    let project = new_project();
    let path = project.path().join("project.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("max_iterations:", "max_iteration:");
    std::fs::write(&path, text).unwrap();
    let said = in_folder(project.path(), &["plan"]);
    assert_refused(&said, 65);
    assert_told!("bad_spec", said, project.path());
}

#[test]
fn a_command_or_a_flag_that_there_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let said = in_folder(folder.path(), &["rnu"]);
    assert_refused(&said, 2);
    assert_told!("unknown_command", said, folder.path());
    assert_refused(&in_folder(folder.path(), &["plan", "--fast"]), 2);
}

/// Commands that take a run and nothing else that is needed.
const COMMANDS_ON_RUNS: [&str; 9] =
    ["status", "watch", "report", "questions", "approve", "reject", "pause", "resume", "cancel"];

#[test]
fn a_worker_without_slots() {
    let folder = tempfile::tempdir().unwrap();
    let said = in_folder(folder.path(), &["worker", "--slots", "0"]);
    assert_refused(&said, 2);
    assert!(said.err.contains("for '--slots <SLOTS>': a worker without slots"), "{}", said.err);
}

#[test]
fn a_run_where_there_is_none() {
    let project = new_project();
    for command in COMMANDS_ON_RUNS {
        let said = in_folder(project.path(), &[command]);
        assert_refused(&said, 66);
        assert!(said.err.starts_with("error[E0305]: "), "{command}: {}", said.err);
    }
    assert_refused(&in_folder(project.path(), &["feedback", "too long"]), 66);
    assert_told!("no_run", in_folder(project.path(), &["status"]), project.path());
    assert!(!project.path().join(".empiric").exists(), "a question leaves no state");
}

#[tokio::test]
async fn a_run_that_is_not_known() {
    let project = new_project();
    let state = project.path().join(".empiric");
    std::fs::create_dir(&state).unwrap();
    Database::open(&state.join("empiric.db")).await.unwrap();
    for command in COMMANDS_ON_RUNS {
        let said = in_folder(project.path(), &[command, "nosuch"]);
        assert_refused(&said, 66);
        assert!(said.err.contains("`nosuch`"), "{command}: {}", said.err);
    }
    assert_refused(&in_folder(project.path(), &["feedback", "nosuch", "too long"]), 66);
    assert_told!("unknown_run", in_folder(project.path(), &["watch", "nosuch"]), project.path());
    assert_refused(&in_folder(project.path(), &["status"]), 66);
}

#[test]
fn feedback_without_words_and_a_question_that_is_no_number() {
    let project = new_project();
    assert_refused(&in_folder(project.path(), &["feedback"]), 2);
    assert_refused(&in_folder(project.path(), &["approve", "--question", "first"]), 2);
    let nameless = in_folder(project.path(), &["approve", "--by", " "]);
    assert_refused(&nameless, 64);
    assert!(nameless.err.contains("--by NAME"), "{}", nameless.err);
}

#[test]
fn a_start_without_a_server() {
    let project = new_project();
    let said = in_folder(project.path(), &["start"]);
    assert_refused(&said, 69);
    assert_told!("nobody_up", said, project.path());
}

#[test]
fn a_server_that_does_not_answer() {
    let project = new_project();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = in_folder(project.path(), &["--temporal-address", &free.to_string(), "start"]);
    assert_refused(&said, 69);
    assert!(
        said.err.starts_with(&format!("error[E0308]: cannot reach Temporal at {free}: ")),
        "{}",
        said.err
    );
    assert!(said.err.contains("help: check --temporal-address"), "{}", said.err);
}

#[test]
fn an_address_that_is_none() {
    let project = new_project();
    let said = in_folder(project.path(), &["--temporal-address", "http://", "start"]);
    assert_refused(&said, 64);
    assert_told!("bad_address", said, project.path());
}

#[test]
fn a_key_that_would_be_sent_in_clear() {
    let project = new_project();
    let mut command = empiric();
    command.arg("-C").arg(project.path()).args(["--temporal-address", "127.0.0.1:7233", "start"]);
    let said = said(command.env("TEMPORAL_API_KEY", "a-secret"));
    assert_refused(&said, 78);
    assert!(!said.err.contains("a-secret"), "{}", said.err);
    assert_told!("clear_key", said, project.path());
}

#[test]
fn a_temporal_program_that_is_not_there() {
    let project = new_project();
    let missing = project.path().join("temporal");
    let said = in_folder(project.path(), &["--temporal-bin", missing.to_str().unwrap(), "run"]);
    assert_refused(&said, 69);
    assert_told!("no_temporal_program", said, project.path());
}

/// Texts of the form `E` and four digits.
fn codes(text: &str) -> BTreeSet<String> {
    let is_code = |word: &&str| {
        word.len() == 5 && word.starts_with('E') && word[1..].bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_code).map(str::to_owned).collect()
}

fn codes_of_file(path: &str) -> BTreeSet<String> {
    codes(&std::fs::read_to_string(root().join(path)).unwrap())
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let mut known = codes_of_file("src/error.rs");
    known.extend(codes_of_file("schema/src/spec/diagnostic/code.rs"));
    let pages = std::fs::read_dir(root().join("docs/errors")).unwrap();
    let pages: BTreeSet<String> = pages.filter_map(|page| page_code(&page.unwrap().path())).collect();
    assert_eq!(pages, known);
}

/// The code that a page's name has, which its title must have too.
fn page_code(path: &Path) -> Option<String> {
    let code = path.file_stem()?.to_str().filter(|stem| codes(stem).len() == 1)?.to_owned();
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.starts_with(&format!("# {code}: ")), "{}", path.display());
    Some(code)
}

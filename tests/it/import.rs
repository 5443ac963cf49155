//! `empiric init --from`: a project from what somebody has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Said, empiric, example, in_folder, said};

/// A folder with one file in it.
fn with(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// `empiric init` in a folder.
fn init(folder: &Path, arguments: &[&str]) -> Said {
    said(command(folder).args(arguments))
}

fn command(folder: &Path) -> Command {
    let mut command = empiric();
    command.current_dir(folder).args(["init", "--yes"]);
    command
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Mails that share few words, two in three of them ham.
fn mails(count: usize) -> String {
    let words = ["tender", "harbour", "violin", "kettle", "meadow", "ladder", "copper", "winter", "garden"];
    let mail = |at: usize| {
        let text: Vec<&str> =
            (0..6).map(|word| words[(at * 7 + word * word * (at % 5 + 1)) % words.len()]).collect();
        let label = if at.is_multiple_of(3) { "spam" } else { "ham" };
        format!("{at},\"{} {:x}, and so on\",{label},Anna\n", text.join(" "), at * 104_729)
    };
    format!("nr,body,queue,agent\n{}", (0..count).map(mail).collect::<String>())
}

#[test]
fn a_table_becomes_a_project_that_can_be_planned() {
    let (folder, _) = with("mails.csv", &mails(120));
    let made = init(folder.path(), &["--from", "mails.csv", "--expected", "queue"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    for line in [
        "project    mails",
        "found      120 items of 120 rows in mails.csv",
        "not used   column `agent`",
        "task       classify: ham, spam, graded by `choice`; there are 2 different answers in 120 items",
    ] {
        assert!(made.out.contains(line), "{line}: {}", made.out);
    }
    assert!(made.out.contains("\ndetects    ") && made.out.contains("\nmissing    "), "{}", made.out);
    assert_eq!(names(folder.path()), ["mails", "mails.csv"]);
    let project = folder.path().join("mails");
    let planned = in_folder(&project, &["plan"]);
    assert_eq!((planned.code, planned.err.as_str()), (Some(0), ""));
    assert!(planned.out.starts_with("project    mails (classify)\n"), "{}", planned.out);
    let lines = ["train", "dev", "test"].map(|split| {
        fs::read_to_string(project.join(format!("data/{split}.jsonl"))).unwrap().lines().count()
    });
    assert_eq!(lines.iter().sum::<usize>(), 120);
    let sizes = format!("data       {} train, {} dev, {} test", lines[0], lines[1], lines[2]);
    assert!(planned.out.contains(&sizes), "{sizes}: {}", planned.out);
}

#[test]
fn the_gain_that_is_told_is_the_one_of_the_plan() {
    let (folder, _) = with("mails.csv", &mails(150));
    let made =
        init(folder.path(), &["--output", "json", "--from", "mails.csv", "--expected", "queue", "new"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let told: Value = serde_json::from_str(&made.out).unwrap();
    let planned = in_folder(&folder.path().join("new"), &["--output", "json", "plan"]);
    let planned: Value = serde_json::from_str(&planned.out).unwrap();
    assert_eq!(told["detectable_gain"], planned["plan"]["detectable_gain"]);
    assert_eq!(told["splits"], planned["plan"]["sizes"]);
    assert_eq!((told["kind"].as_str(), told["rows"].as_u64()), (Some("csv"), Some(150)));
}

#[test]
fn columns_that_are_not_found_are_listed_and_nothing_is_written() {
    let (folder, _) = with("fragen.csv", "Frage,Antwort\nWann?,Um vier\n");
    let refused = init(folder.path(), &["--from", "fragen.csv"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(65), ""));
    insta::assert_snapshot!("unknown_columns", refused.err);
    assert_eq!(names(folder.path()), ["fragen.csv"]);
}

#[test]
fn a_wrong_line_is_told_by_its_number() {
    let (folder, _) = with("q.jsonl", "{\"input\": \"a\", \"expected\": \"b\"}\n{\"input\": \n");
    let refused = init(folder.path(), &["--from", "q.jsonl"]);
    assert_eq!(refused.code, Some(65));
    assert!(refused.err.starts_with("error[E0318]: q.jsonl:2: not JSON"), "{}", refused.err);
}

#[test]
fn a_folder_that_is_there_is_not_overwritten() {
    let (folder, _) = with("mails.csv", &mails(60));
    let made = ["--from", "mails.csv", "--expected", "queue", "--into", "mine"];
    assert_eq!(init(folder.path(), &made).code, Some(0));
    let before = fs::read(folder.path().join("mine/project.yaml")).unwrap();
    let again = init(folder.path(), &made);
    assert_eq!((again.code, again.out.as_str()), (Some(64), ""));
    assert!(again.err.starts_with("error[E0303]: "), "{}", again.err);
    assert_eq!(fs::read(folder.path().join("mine/project.yaml")).unwrap(), before);
    assert_eq!(names(folder.path()), ["mails.csv", "mine"]);
}

#[test]
fn a_promptfoo_configuration_is_taken_as_far_as_it_maps() {
    let tests: String = (0..40)
        .map(|at| {
            let place = ["cellar", "attic", "harbour", "orchard", "bakery"][at % 5];
            let question = format!(
                "Which of the {} {place} keys has the number {}?",
                ["small", "old"][at % 2],
                at * 977
            );
            format!(
                "  - vars: {{question: '{question}'}}\n    assert: [{{type: icontains, value: 'key {at}'}}]\n"
            )
        })
        .collect();
    let config = format!(
        "prompts: ['Be brief: {{{{question}}}}']\ntests:\n{tests}  - vars: {{question: Why?}}\n    assert: [{{type: llm-rubric, value: kind}}]\n"
    );
    let (folder, _) = with("promptfooconfig.yaml", &config);
    let made = init(folder.path(), &["--from", "promptfooconfig.yaml"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(made.out.contains("40 items of 41 rows"), "{}", made.out);
    assert!(made.out.contains("1 left out: no expected answer (test 41)"), "{}", made.out);
    assert!(made.out.contains("not used   assertion `llm-rubric` (1 times)"), "{}", made.out);
    let text = fs::read_to_string(folder.path().join("promptfooconfig/project.yaml")).unwrap();
    assert!(text.contains("user: \"Be brief: {{input}}\""), "{text}");
}

#[test]
fn the_handbook_of_the_example_can_be_brought_as_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("handbook");
    fs::create_dir(&book).unwrap();
    for entry in fs::read_dir(example().join("handbook")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), book.join(entry.file_name())).unwrap();
    }
    let splits = ["train", "dev", "test"].map(|name| example().join(format!("data/{name}.jsonl")));
    let questions: String = splits.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    fs::write(book.join("questions.jsonl"), &questions).unwrap();
    let made = init(folder.path(), &["--output", "json", "--from", "handbook"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let told: Value = serde_json::from_str(&made.out).unwrap();
    let documents = fs::read_dir(&book).unwrap().count() - 1;
    assert_eq!(told["items"].as_u64(), Some(questions.lines().count() as u64));
    assert_eq!(
        (told["documents"].as_u64(), told["families_kept"].as_bool()),
        (Some(documents as u64), Some(true))
    );
    assert_eq!(told["project"], "handbook-project");
    let planned = in_folder(&folder.path().join("handbook-project"), &["plan"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
}

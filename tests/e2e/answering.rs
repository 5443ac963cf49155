//! A person answers a run from another terminal: real processes, a real server, a real model.

use std::process::Output;

use serde_json::Value;

use crate::process::{Project, empiric, finish, until};

fn ask(project: &Project, arguments: &[&str]) -> Output {
    empiric().arg("-C").arg(project.path()).args(arguments).output().expect("empiric starts")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A project whose promise any system keeps, and whose versions a person must release.
fn promising() -> Project {
    let project = Project::new();
    let path = project.path().join("project.yaml");
    let text = std::fs::read_to_string(&path).expect("the project file");
    // Eight harmless answers show this bound at the level of one look.
    let text = text.replace("metric: accuracy, at_least: 0.7", "metric: harm_rate, at_most: 0.9");
    assert!(text.contains("harm_rate"), "{text}");
    std::fs::write(&path, format!("{text}\npeople: {{approve: [release]}}\n")).expect("the project file");
    project
}

#[test]
fn a_run_waits_for_a_release_and_goes_on_when_another_terminal_approves() {
    let project = promising();
    let run = project.run();
    until("the run asks", || out(&ask(&project, &["status"])).contains("asks       question 1 (release)"));
    let shown = out(&ask(&project, &["questions"]));
    assert!(shown.contains("- approve: the run ends with success"), "{shown}");
    let remark = json(&ask(&project, &["feedback", "well done", "--by", "bob", "--output", "json"]));
    assert_eq!(remark["remark"]["text"], "well done");
    let wrong = ask(&project, &["approve", "--question", "7", "--by", "ada"]);
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(70), "{told}");
    assert!(told.contains("there is no question 7; open is question 1"), "{told}");
    let answered = json(&ask(&project, &["approve", "--by", "ada", "--note", "go", "--output", "json"]));
    assert_eq!(answered["question"]["answer"]["approved"], true);

    let view = finish(run);
    assert_eq!(view["stop"]["reason"], "success");
    assert_eq!(view["questions"][0]["answer"]["by"], "ada");
    assert_eq!(view["remarks"][0]["by"], "bob");
    let told = out(&ask(&project, &["explain"]));
    assert!(told.contains("Question 1, release, was approved by ada"), "{told}");
    let late = ask(&project, &["reject"]);
    assert_eq!(late.status.code(), Some(64), "{}", String::from_utf8_lossy(&late.stderr));
}

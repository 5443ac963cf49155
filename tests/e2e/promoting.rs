//! A version is brought, carried on and taken back from the command line: real processes and a real server.

use std::process::Output;

use serde_json::Value;

use crate::process::{Project, empiric};
use crate::rollout_bench::version;

pub fn ask(project: &Project, arguments: &[&str]) -> Output {
    empiric().arg("-C").arg(project.path()).args(arguments).output().expect("empiric starts")
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

pub fn staged() -> Project {
    let project = Project::new();
    let path = project.path().join("project.yaml");
    let text = std::fs::read_to_string(&path).expect("the project file");
    let stages = "deploy: {stages: [{name: internal}, {name: direct, traffic: [50, 100]}]}";
    std::fs::write(&path, format!("{text}\n{stages}\n")).expect("the project file");
    let version = serde_json::to_vec(&version("Be brief.")).expect("a version");
    std::fs::write(project.path().join("version.json"), version).expect("the version file");
    project
}

#[test]
fn a_version_from_a_file_is_brought_and_taken_back_by_hand() {
    let project = staged();
    let none = ask(&project, &["promote", "--by", "ada"]);
    assert_eq!(none.status.code(), Some(64), "{}", String::from_utf8_lossy(&none.stderr));
    let file = project.path().join("version.json").display().to_string();
    let brought = json(&ask(&project, &["promote", "--file", &file, "--by", "ada", "--output", "json"]));
    assert_eq!(brought["subject"]["rung"]["stage"], "internal", "{brought}");
    let digest = version("Be brief.").digest();
    let on = ["promote", digest.short(), "--to", "direct:50", "--by", "ada", "--output", "json"];
    assert_eq!(json(&ask(&project, &on))["subject"]["rung"]["traffic"], 50);
    let nowhere = ask(&project, &["promote", "--to", "reviewed", "--by", "ada"]);
    let told = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(nowhere.status.code() == Some(70) && told.contains("has no step `reviewed`"), "{told}");
    let back = json(&ask(&project, &["demote", "--by", "bob", "--note", "wrong hours", "--output", "json"]));
    assert_eq!(back["subject"]["rung"]["stage"], "internal", "{back}");
    assert_eq!(back["decisions"][2]["why"], "bob stepped back: wrong hours");
    let shown = ask(&project, &["rollout"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("revision 3") && shown.contains("demoted"), "{shown}");
}

/// A project whose promise is kept by any system, with stages.
fn easy() -> Project {
    let project = staged();
    let path = project.path().join("project.yaml");
    let text = std::fs::read_to_string(&path).expect("the project file");
    let lines = text.lines().map(|line| match line.trim_start().starts_with("- {metric: accuracy") {
        true => "    - {metric: harm_rate, at_most: 0.9}",
        false => line,
    });
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n") + "\n").expect("the project file");
    project
}

#[test]
fn a_version_that_kept_its_promise_goes_on_to_its_rollout_by_itself_unless_told_otherwise() {
    let project = easy();
    let left_out = ask(&project, &["run", "--no-rollout", "--output", "json"]);
    let view = json(&left_out);
    assert_eq!(view["stop"]["reason"], "success", "{view}");
    assert!(!view["decisions"].to_string().contains("roll_out"));
    assert_eq!(ask(&project, &["rollout"]).status.code(), Some(64), "nothing began");

    let run = ask(&project, &["run", "--fresh"]);
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(said.contains("rollout: ") && said.contains("internal first"), "{said}");
    let stands = json(&ask(&project, &["rollout", "--output", "json"]));
    assert_eq!(stands["subject"]["rung"]["stage"], "internal", "{stands}");
    assert_eq!(stands["subject"]["version"], view["incumbent"]);
    let why = stands["decisions"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("kept its promise on the locked test"), "{stands}");
    assert_eq!(stands["problem"], Value::Null);
}

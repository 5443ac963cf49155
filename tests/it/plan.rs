//! `empiric plan`: what a run would do.

use serde_json::Value;

use crate::program::{example, in_folder, new_project};

#[test]
fn the_plan_of_the_example_is_as_shown() {
    let state = tempfile::tempdir().unwrap();
    let said = in_folder(&example(), &["--state", state.path().to_str().unwrap(), "plan"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!("plan", said.out);
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0, "a plan leaves nothing");
}

#[test]
fn the_plan_in_json_has_the_spec_and_the_figures() {
    let said = in_folder(&example(), &["--output", "json", "plan"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let plan: Value = serde_json::from_str(&said.out).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&plan), ["spec", "plan", "price"]);
    insta::assert_snapshot!("plan_keys", keys(&plan["plan"]).join("\n"));
    assert_eq!(plan["spec"]["name"], "staff-handbook");
    let sizes = &plan["plan"]["sizes"];
    assert!(sizes["dev"].as_u64() >= Some(100) && sizes["test"].as_u64() >= Some(100), "{sizes}");
}

#[test]
fn a_broken_data_line_is_named_by_file_and_line() {
    let project = new_project();
    let path = project.path().join("data/dev.jsonl");
    let good = std::fs::read_to_string(&path).unwrap();
    let lines = good.lines().count();
    std::fs::write(&path, format!("{good}{{\"id\": \"broken\", \"input\": \n")).unwrap();
    let said = in_folder(project.path(), &["plan"]);
    assert_eq!((said.code, said.out.as_str()), (Some(65), ""), "{}", said.err);
    assert!(said.err.contains(&format!("data/dev.jsonl:{}", lines + 1)), "{}", said.err);
    assert!(said.err.contains("E02"), "{}", said.err);
}

#[test]
fn a_data_file_that_is_missing_is_named() {
    let project = new_project();
    std::fs::remove_file(project.path().join("data/test.jsonl")).unwrap();
    let said = in_folder(project.path(), &["plan"]);
    assert_eq!((said.code, said.out.as_str()), (Some(65), ""), "{}", said.err);
    assert!(said.err.contains("data/test.jsonl"), "{}", said.err);
}

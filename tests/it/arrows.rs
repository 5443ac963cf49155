//! The arrows between crates: who may depend on whom, and who not on what.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::program::root;

type Dependencies = BTreeMap<String, BTreeSet<String>>;

/// Direct dependencies of each crate of the workspace, without those of tests.
fn dependencies() -> Dependencies {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), direct(package))).collect()
}

fn direct(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().unwrap().iter();
    let used = all.filter(|dependency| dependency["kind"] != "dev");
    used.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

/// Arrows that lead from a crate to another of the workspace and are not allowed.
fn wrong_arrows(dependencies: &Dependencies) -> Vec<(String, String)> {
    let allowed = |from: &str, to: &str| match from {
        "empiric" => true,
        "empiric-workflows" | "empiric-endpoint" | "empiric-grade" => to == "empiric-schema",
        "empiric-gateway" => ["empiric-schema", "empiric-jobs"].contains(&to),
        "empiric-activities" | "empiric-jobs" => {
            ["empiric-schema", "empiric-endpoint", "empiric-grade"].contains(&to)
        }
        _ => false,
    };
    let own = |to: &&String| dependencies.contains_key(*to);
    let arrows = dependencies.iter().flat_map(|(from, to)| to.iter().filter(own).map(move |to| (from, to)));
    arrows.filter(|(from, to)| !allowed(from, to)).map(|(from, to)| (from.clone(), to.clone())).collect()
}

#[test]
fn arrows_between_crates_point_to_the_schema() {
    let dependencies = dependencies();
    assert!(dependencies.len() >= 5, "{dependencies:?}");
    assert_eq!(wrong_arrows(&dependencies), []);
}

#[test]
fn an_arrow_from_workflows_to_activities_is_noticed() {
    let mut dependencies = dependencies();
    dependencies.get_mut("empiric-workflows").unwrap().insert("empiric-activities".to_owned());
    let wrong = ("empiric-workflows".to_owned(), "empiric-activities".to_owned());
    assert_eq!(wrong_arrows(&dependencies), [wrong]);
}

#[test]
fn decisions_and_jobs_know_no_runtime_and_no_database_and_activities_no_models() {
    let dependencies = dependencies();
    let effects = ["tokio", "temporalio-sdk", "temporalio-client", "sea-orm", "reqwest", "object_store"];
    let models = ["candle-core", "candle-nn", "tokenizers"];
    for (package, banned) in [
        ("empiric-schema", &effects[..3]),
        ("empiric-workflows", &effects[..]),
        ("empiric-jobs", &effects[..]),
        ("empiric-activities", &models[..]),
        ("empiric-endpoint", &models[..]),
        ("empiric-grade", &models[..]),
        ("empiric-grade", &effects[..]),
        ("empiric-workflows", &models[..]),
        ("empiric-schema", &models[..]),
        ("empiric-gateway", &effects[1..3]),
    ] {
        let found: Vec<_> = banned.iter().filter(|name| dependencies[package].contains(**name)).collect();
        assert!(found.is_empty(), "{package} depends on {found:?}");
    }
}

#[test]
fn crates_that_stand_alone_are_built_alone_by_make_check() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let rule = makefile.split("\ncheck:").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
    for package in [
        "empiric-schema",
        "empiric-workflows",
        "empiric-endpoint",
        "empiric-grade",
        "empiric-jobs",
        "empiric-gateway",
    ] {
        let builds = |line: &str| line.contains("check") && line.contains(&format!("-p {package}"));
        assert!(rule.lines().any(builds), "{package}: {rule}");
    }
}

//! `empiric schema`: the language for editors.

use empiric_schema::spec::json_schema;
use serde_json::Value;

use crate::program::{empiric, root, said};

#[test]
fn the_printed_schema_is_the_one_of_the_language() {
    let said = said(empiric().arg("schema"));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let printed: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(printed, serde_json::to_value(json_schema()).unwrap());
    let beside_the_example = root().join("examples/staff-handbook/project.schema.json");
    assert_eq!(said.out, std::fs::read_to_string(beside_the_example).unwrap(), "print it there again");
    assert_eq!(printed["additionalProperties"], false, "unknown keys are errors for editors too");
}

#[test]
fn every_key_of_a_full_project_file_is_in_the_schema() {
    let schema = serde_json::to_string(&json_schema()).unwrap();
    let path = root().join("tests/fixtures/specs/every-key.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let keys = text.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key);
    for key in keys.filter(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
}

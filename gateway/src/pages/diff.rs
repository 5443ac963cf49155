//! `/runs/{run}/diff`: two versions, field by field.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::Html;
use empiric_schema::version::SystemVersion;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PageError, page};
use crate::gateway::Gateway;
use crate::guard::Reader;

/// Which two, by digest. Default: the first and the last.
#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

#[derive(Serialize)]
struct Diff {
    run: String,
    from: String,
    to: String,
    versions: Vec<(String, String)>,
    rows: Vec<Row>,
}

/// A field of a version.
#[derive(Debug, PartialEq, Serialize)]
struct Row {
    field: String,
    before: String,
    after: String,
    is_changed: bool,
}

/// Shows what is different.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
    Path(run): Path<String>,
    Query(pair): Query<Pair>,
) -> Result<Html<String>, PageError> {
    let store = &gateway.shared.store;
    let view = store.run(&run).await?.ok_or(PageError::Missing("There is no such run."))?;
    let all: Vec<(String, String, SystemVersion)> = store
        .run_versions(&run)
        .await?
        .into_iter()
        .map(|(label, digest, version)| (label, digest.hex().to_owned(), version))
        .collect();
    let first = view.measurements.first().map(|measured| measured.version.hex().to_owned());
    let last = view.incumbent.as_ref().map(|digest| digest.hex().to_owned());
    let chosen = |asked: &str, default: Option<String>| {
        let digest = if asked.is_empty() { default.unwrap_or_default() } else { asked.to_owned() };
        all.iter().find(|(_, hex, _)| *hex == digest)
    };
    let missing = || PageError::Missing("This run has no versions yet.");
    let from = chosen(&pair.from, first).or(all.first()).ok_or_else(missing)?;
    let to = chosen(&pair.to, last).or(all.last()).ok_or_else(missing)?;
    let content = Diff {
        run,
        from: from.1.clone(),
        to: to.1.clone(),
        rows: rows(&from.2, &to.2),
        versions: all.iter().map(|(label, digest, _)| (label.clone(), digest.clone())).collect(),
    };
    page(&gateway, &reader, "diff.html.j2", content).await
}

fn rows(from: &SystemVersion, to: &SystemVersion) -> Vec<Row> {
    let (before, after) = (fields(from), fields(to));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let row = |name: &&String| {
        let value = |fields: &BTreeMap<String, String>| fields.get(*name).cloned().unwrap_or_default();
        let (before, after) = (value(&before), value(&after));
        Row { field: (*name).clone(), is_changed: before != after, before, after }
    };
    let mut rows: Vec<Row> = names.iter().map(row).collect();
    rows.sort_by_key(|row| !row.is_changed);
    rows
}

fn fields(version: &SystemVersion) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    flatten("", &serde_json::to_value(version).unwrap_or_default(), &mut fields);
    fields
}

fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Object(map) if map.contains_key("digest") => {
            // A file: its digest says all that can differ.
            let digest = map["digest"].as_str().unwrap_or_default();
            drop(fields.insert(path.to_owned(), digest.to_owned()));
        }
        Value::Object(map) => map.iter().for_each(|(name, value)| flatten(&below(name), value, fields)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(n, value)| flatten(&below(&n.to_string()), value, fields));
        }
        Value::String(text) => drop(fields.insert(path.to_owned(), text.clone())),
        Value::Null => {}
        other => drop(fields.insert(path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_different_comes_first() {
        let json = serde_json::json!({
            "model": {"id": "m", "endpoint": {"url": "https://h/v1", "model": "m", "api_key": null, "price": null}},
            "prompt": {"system": "s", "user": "{{input}}"}, "demonstrations": {"kind": "none"},
            "decoding": {"max_tokens": 8, "stop": []},
        });
        let from: SystemVersion = serde_json::from_value(json).unwrap();
        let mut to = from.clone();
        to.prompt.system = "other".to_owned();
        let rows = rows(&from, &to);
        let first = Row {
            field: "prompt.system".into(),
            before: "s".into(),
            after: "other".into(),
            is_changed: true,
        };
        assert_eq!(rows[0], first);
        assert!(rows[1..].iter().all(|row| !row.is_changed) && rows.len() > 4);
    }
}

//! What an import found and made: for people, and for scripts.

use std::path::Path;

use serde_json::{Value, json};

use super::draft::Draft;
use super::group::Bond;
use super::split::SPLITS;
use crate::report::words::percent;

/// Lines of a name and a text, as `empiric plan` prints them.
pub fn text(draft: &Draft, folder: &Path) -> String {
    let line = |name: &str, text: String| format!("{name:<10} {text}");
    let found = &draft.found;
    let mut lines = vec![
        line("project", folder.display().to_string()),
        line("found", format!("{} items of {} rows in {}", found.items.len(), found.rows(), found.file)),
        line("", found.taken.join(", ")),
    ];
    lines.extend(found.left_out_words().into_iter().map(|words| line("", words)));
    if !found.documents.is_empty() {
        lines.push(line("documents", format!("{} copied", found.documents.len())));
    }
    lines.extend(found.unused.iter().map(|what| line("not used", what.clone())));
    lines.push(line("task", task(draft)));
    lines.push(line("split", split(draft)));
    lines.push(line("detects", detects(draft)));
    lines.extend(draft.outlook.missing.iter().map(|what| line("missing", what.clone())));
    lines.join("\n")
}

fn task(draft: &Draft) -> String {
    let guess = &draft.guess;
    let name = match guess.labels.as_slice() {
        [] => "answer".to_owned(),
        labels => format!("classify: {}", labels.join(", ")),
    };
    format!("{name}, graded by `{}`; {}", guess.assertion.name(), guess.because)
}

fn split(draft: &Draft) -> String {
    let [train, dev, test] = draft.arrangement.sizes();
    let bond = match draft.arrangement.bond {
        Bond::Families => "near-copies, documents and families",
        Bond::NearCopies => "near-copies",
    };
    format!(
        "{train} train, {dev} dev, {test} test; {} groups of {bond} kept together, seed {}",
        draft.arrangement.groups, draft.seed
    )
}

fn detects(draft: &Draft) -> String {
    match draft.outlook.detectable_gain {
        Some(gain) => {
            format!("a gain of {} is found 8 times in 10 (if 5 % of the items get worse)", percent(gain))
        }
        None => "no gain at all: the items are too few".to_owned(),
    }
}

/// The same for scripts.
pub fn json(draft: &Draft, folder: &Path) -> Value {
    let found = &draft.found;
    let sizes: serde_json::Map<String, Value> = SPLITS
        .iter()
        .zip(draft.arrangement.sizes())
        .map(|(name, size)| ((*name).to_owned(), json!(size)))
        .collect();
    json!({
        "project": folder,
        "from": found.file,
        "kind": found.kind.name(),
        "rows": found.rows(),
        "items": found.items.len(),
        "left_out": found.left_out,
        "taken": found.taken,
        "unused": found.unused,
        "documents": found.documents.len(),
        "task": if draft.guess.labels.is_empty() { "answer" } else { "classify" },
        "labels": draft.guess.labels,
        "assertion": draft.guess.assertion.name(),
        "splits": sizes,
        "groups": draft.arrangement.groups,
        "families_kept": draft.arrangement.bond == Bond::Families,
        "seed": draft.seed,
        "detectable_gain": draft.outlook.detectable_gain,
        "more_items": draft.outlook.more_items,
        "missing": draft.outlook.missing,
    })
}

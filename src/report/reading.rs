//! Retrieval against answers: how often the right passage was shown, and what came of it.

use std::collections::BTreeMap;

use empiric_schema::data::Item;
use empiric_schema::id::ItemId;
use empiric_schema::job::ItemResult;
use serde::Serialize;

use super::words;

/// What a version made of the passages that it was shown, on items that name their documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The version's name for people.
    pub label: String,
    /// Split of the items.
    pub split: String,
    /// Right and all answers where a passage of the item's documents was shown.
    pub found: (u32, u32),
    /// Right and all answers where none was.
    pub missed: (u32, u32),
    /// Right and all answers to items of each kind: their first tag.
    pub kinds: BTreeMap<String, (u32, u32)>,
}

impl Reading {
    /// Counts a version's answers.
    pub fn of(label: &str, split: &str, items: &[Item], results: &BTreeMap<ItemId, ItemResult>) -> Self {
        let mut reading = Self { label: label.to_owned(), split: split.to_owned(), ..Self::default() };
        for (item, result) in items.iter().filter_map(|item| Some((item, results.get(&item.id)?))) {
            reading.count(item, result);
        }
        reading
    }

    fn count(&mut self, item: &Item, result: &ItemResult) {
        let add = |counts: &mut (u32, u32)| {
            *counts = (counts.0 + u32::from(result.passed), counts.1 + 1);
        };
        if let Some(kind) = item.tags.first() {
            add(self.kinds.entry(kind.clone()).or_default());
        }
        if !item.documents.is_empty() {
            let is_found = result.passages.iter().any(|shown| item.documents.contains(&shown.document));
            add(if is_found { &mut self.found } else { &mut self.missed });
        }
    }
}

/// One row of the table.
#[derive(Debug, Serialize)]
pub(super) struct ReadingRow {
    label: String,
    split: String,
    found: String,
    right_when_found: String,
    right_when_missed: String,
    kinds: String,
}

/// All versions in the order of their measurement.
pub(super) fn rows(readings: &[Reading]) -> Vec<ReadingRow> {
    readings.iter().map(row).collect()
}

fn row(reading: &Reading) -> ReadingRow {
    let labelled = reading.found.1 + reading.missed.1;
    let kinds = reading.kinds.iter().map(|(kind, counts)| format!("{kind} {} of {}", counts.0, counts.1));
    ReadingRow {
        label: reading.label.clone(),
        split: reading.split.clone(),
        found: part((reading.found.1, labelled)),
        right_when_found: part(reading.found),
        right_when_missed: part(reading.missed),
        kinds: kinds.collect::<Vec<_>>().join(", "),
    }
}

/// A share with its counts; a dash of nothing.
fn part((some, all): (u32, u32)) -> String {
    match all {
        0 => "\u{2013}".to_owned(),
        _ => format!("{} ({some} of {all})", words::percent(f64::from(some) / f64::from(all))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, documents: &[&str]) -> Item {
        let text = serde_json::json!({
            "id": id, "input": "?", "expected": "x", "documents": documents, "tags": ["lookup"],
        });
        serde_json::from_value(text).unwrap()
    }

    fn result(id: &str, passed: bool, shown: &str) -> ItemResult {
        let text = serde_json::json!({
            "id": id, "position": 0, "answer": "x", "passed": passed, "harmful": false,
            "passages": [{"chunk": 0, "document": shown, "score": 1.0}],
            "prompt_tokens": 1, "completion_tokens": 1,
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn answers_are_counted_by_whether_their_passage_was_shown() {
        let items = [item("a", &["one"]), item("b", &["one"]), item("c", &["two"]), item("d", &[])];
        let results = [("a", true, "one"), ("b", false, "two"), ("c", false, "two"), ("d", true, "two")];
        let results = results.map(|(id, passed, shown)| (ItemId::new(id), result(id, passed, shown)));
        let reading = Reading::of("start", "dev", &items, &results.into_iter().collect());
        assert_eq!((reading.found, reading.missed), ((1, 2), (0, 1)));
        assert_eq!(reading.kinds["lookup"], (2, 4));
        let row = row(&reading);
        assert_eq!((row.found.as_str(), row.right_when_found.as_str()), ("66.7 % (2 of 3)", "50 % (1 of 2)"));
    }

    #[test]
    fn nothing_shown_is_a_dash() {
        let row = row(&Reading::of("start", "dev", &[], &BTreeMap::new()));
        assert_eq!(row.right_when_found, "\u{2013}");
    }
}

//! Example answers before and after, sorted by what happened to them.

use empiric_schema::job::ItemResult;
use serde::Serialize;

use super::data::ItemExample;

/// Most examples of a group that a page shows; the JSON has all.
const SHOWN: usize = 6;

/// Items to which the same happened.
#[derive(Debug, Serialize)]
pub(super) struct ExampleGroup {
    /// `Repaired`, `Broken`, `Still failing`, `Still passing`.
    pub title: &'static str,
    /// What the group means.
    pub meaning: &'static str,
    /// How many items.
    pub total: usize,
    /// The first few.
    pub shown: Vec<ExampleRow>,
}

/// One item as a page shows it.
#[derive(Debug, Serialize)]
pub(super) struct ExampleRow {
    /// The item's id.
    pub id: String,
    /// What was asked.
    pub input: String,
    /// Accepted answers.
    pub expected: String,
    /// The first version's answer.
    pub before: Option<AnswerCell>,
    /// The last version's answer.
    pub after: Option<AnswerCell>,
}

/// An answer and its grade.
#[derive(Debug, Serialize)]
pub(super) struct AnswerCell {
    /// The text, or a word for an empty one.
    pub text: String,
    /// `passed` or `failed`.
    pub grade: &'static str,
    /// CSS class of the grade.
    pub tone: &'static str,
    /// Whether a forbidden text was in the answer.
    pub harmful: bool,
    /// The first assertion that did not hold.
    pub reason: String,
}

/// Groups that have items, in the order in which they matter.
pub(super) fn groups(items: &[ItemExample]) -> Vec<ExampleGroup> {
    let compared = items.iter().any(|item| item.after.is_some());
    let all = if compared {
        vec![
            group("Repaired", "wrong before, right now", items, is(false, true)),
            group("Broken", "right before, wrong now", items, is(true, false)),
            group("Still failing", "wrong before and now", items, is(false, false)),
            group("Still passing", "right before and now", items, is(true, true)),
        ]
    } else {
        vec![
            group("Failing", "wrong answers of the only version that was measured", items, was(false)),
            group("Passing", "right answers of the only version that was measured", items, was(true)),
        ]
    };
    all.into_iter().filter(|group| group.total > 0).collect()
}

fn is(before: bool, after: bool) -> impl Fn(&ItemExample) -> bool {
    move |item| match (&item.before, &item.after) {
        (Some(old), Some(new)) => old.passed == before && new.passed == after,
        _ => false,
    }
}

fn was(passed: bool) -> impl Fn(&ItemExample) -> bool {
    move |item| item.before.as_ref().is_some_and(|old| old.passed == passed)
}

fn group(
    title: &'static str,
    meaning: &'static str,
    items: &[ItemExample],
    belongs: impl Fn(&ItemExample) -> bool,
) -> ExampleGroup {
    let members: Vec<_> = items.iter().filter(|item| belongs(item)).collect();
    ExampleGroup {
        title,
        meaning,
        total: members.len(),
        shown: members.into_iter().take(SHOWN).map(row).collect(),
    }
}

fn row(item: &ItemExample) -> ExampleRow {
    ExampleRow {
        id: item.id.to_string(),
        input: item.input.clone(),
        expected: item.expected.alternatives().join(" or "),
        before: item.before.as_ref().map(cell),
        after: item.after.as_ref().map(cell),
    }
}

fn cell(result: &ItemResult) -> AnswerCell {
    let empty = result.answer.trim().is_empty();
    AnswerCell {
        text: if empty { "(no answer)".to_owned() } else { result.answer.clone() },
        grade: if result.passed { "passed" } else { "failed" },
        tone: if result.passed { "good" } else { "bad" },
        harmful: result.harmful,
        reason: result.reason.clone(),
    }
}

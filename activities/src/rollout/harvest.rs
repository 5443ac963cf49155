//! From failed answers to items: only what has a right answer, is new, and is nothing like the test. Pure.

use std::collections::{BTreeMap, BTreeSet};

use empiric_schema::artifact::Digest;
use empiric_schema::contract::JoinedSplit;
use empiric_schema::data::splits::{NearCopyRule, TextItem, find_overlaps, normalise};
use empiric_schema::data::{Expected, Item};
use empiric_schema::id::ItemId;

/// An answer that failed in production.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// The request.
    pub(super) request: String,
    /// Wire name of the stage.
    pub(super) stage: String,
    /// Digest of the version.
    pub(super) version: String,
    /// What was asked.
    pub(super) input: String,
    /// What a person said the right answer is.
    pub(super) expected: Option<String>,
}

/// What became of failures.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Harvest {
    pub(super) items: Vec<(JoinedSplit, Item)>,
    pub(super) unanswered: u32,
    pub(super) known: u32,
    pub(super) like_test: u32,
}

/// Items of failures, held against the data that is there.
pub(super) fn harvest(failures: &[Failure], known: &[Item], test: &[Item]) -> Harvest {
    let mut harvest = Harvest::default();
    let mut seen = BTreeSet::new();
    let items = failures.iter().filter_map(|failure| match item(failure) {
        None => {
            harvest.unanswered += 1;
            None
        }
        Some(item) if seen.insert(normalise(&item.input)) => Some(item),
        Some(_) => {
            harvest.known += 1;
            None
        }
    });
    let items: Vec<Item> = items.collect();
    let (of_test, of_known) = (like(&items, test), like(&items, known));
    let of_each_other = repeated(&items);
    for item in items {
        if of_test.contains(&item.id) {
            harvest.like_test += 1;
        } else if of_known.contains(&item.id) || of_each_other.contains(&item.id) {
            harvest.known += 1;
        } else {
            harvest.items.push((split(&item.id), item));
        }
    }
    harvest
}

fn item(failure: &Failure) -> Option<Item> {
    let expected = failure.expected.as_ref().map(|text| text.trim()).filter(|text| !text.is_empty())?;
    if failure.input.trim().is_empty() {
        return None;
    }
    let version: String = failure.version.trim_start_matches("sha256:").chars().take(12).collect();
    let tags = ["production".to_owned(), format!("stage:{}", failure.stage), format!("version:{version}")];
    Some(Item {
        id: ItemId::new(format!("prod-{}", Digest::of(failure.request.as_bytes()).short())),
        input: failure.input.clone(),
        expected: Expected::One(expected.to_owned()),
        documents: Vec::new(),
        tags: tags.to_vec(),
        forbidden: Vec::new(),
    })
}

/// Items that are the same as others, or nearly.
fn like(items: &[Item], others: &[Item]) -> BTreeSet<ItemId> {
    let overlaps = find_overlaps(&texts(items), &texts(others), &NearCopyRule::default());
    overlaps.into_iter().map(|overlap| ItemId::new(overlap.left)).collect()
}

/// Items that are nearly the same as another one: of each such pair the one with the greater id. They could go to
/// different splits.
fn repeated(items: &[Item]) -> BTreeSet<ItemId> {
    let overlaps = find_overlaps(&texts(items), &texts(items), &NearCopyRule::default());
    let pairs = overlaps.into_iter().filter(|overlap| overlap.left > overlap.right);
    pairs.map(|overlap| ItemId::new(overlap.left)).collect()
}

fn texts(items: &[Item]) -> Vec<TextItem<'_>> {
    items.iter().map(|item| TextItem { id: item.id.as_str(), text: &item.input }).collect()
}

/// Half of them are to learn from, half are to read failures on; the same item always goes the same way.
fn split(id: &ItemId) -> JoinedSplit {
    let is_even = Digest::of(id.as_str().as_bytes()).hex().as_bytes()[0].is_multiple_of(2);
    if is_even { JoinedSplit::Dev } else { JoinedSplit::Train }
}

/// Items by split.
pub(super) fn by_split(items: Vec<(JoinedSplit, Item)>) -> BTreeMap<&'static str, (JoinedSplit, Vec<Item>)> {
    let mut splits = BTreeMap::new();
    for (split, item) in items {
        let name = if split == JoinedSplit::Dev { "dev" } else { "train" };
        splits.entry(name).or_insert_with(|| (split, Vec::new())).1.push(item);
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(request: &str, input: &str, expected: Option<&str>) -> Failure {
        Failure {
            request: request.to_owned(),
            stage: "reviewed".to_owned(),
            version: Digest::of(b"v").to_string(),
            input: input.to_owned(),
            expected: expected.map(str::to_owned),
        }
    }

    fn known(input: &str) -> Item {
        item(&failure(input, input, Some("x"))).unwrap()
    }

    #[test]
    fn only_new_failures_with_a_right_answer_come_home() {
        let failures = [
            failure("1", "Where can staff park their bicycles?", Some("In the yard")),
            failure("2", "where can staff park their bicycles", Some("In the yard")),
            failure("3", "Who pays for uniforms?", None),
            failure("4", "When is the pool open to guests?", Some("From 7 to 22")),
            failure("5", "How many days of annual leave are there in a year?", Some("25")),
            failure("6", " ", Some("25")),
        ];
        let found = harvest(
            &failures,
            &[known("So how many days of annual leave are there in a year")],
            &[known("When is the pool open to guests")],
        );
        assert_eq!((found.unanswered, found.known, found.like_test), (2, 2, 1));
        let [(_, item)] = found.items.as_slice() else { panic!("{found:?}") };
        assert_eq!(item.expected.shown(), "In the yard");
        assert_eq!(item.tags[..2], ["production".to_owned(), "stage:reviewed".to_owned()]);
    }

    #[test]
    fn items_go_to_both_splits_and_always_the_same_way() {
        let failures: Vec<Failure> = (0..40_u8)
            .map(|number| failure(&number.to_string(), Digest::of(&[number]).hex(), Some("y")))
            .collect();
        let splits = by_split(harvest(&failures, &[], &[]).items);
        assert_eq!(splits.len(), 2);
        assert!(splits.values().all(|(_, items)| items.len() > 5), "{splits:?}");
        assert_eq!(splits, by_split(harvest(&failures, &[], &[]).items));
    }
}

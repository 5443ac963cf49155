//! Checks within and between splits. Pure.

use std::collections::BTreeMap;

use empiric_schema::contract::JoinedSplit;
use empiric_schema::data::splits::{NearCopyRule, TextItem, find_overlaps};
use empiric_schema::data::{Item, read_items};
use empiric_schema::evidence::{Overlap, OverlapKind};
use empiric_schema::id::ItemId;

use super::error::ScopeError;

/// A rate of one item is no rate, and a paired test needs pairs.
const LEAST_MEASURED: u32 = 2;
/// Pairs that a refusal names.
const SHOWN_PAIRS: usize = 10;

/// A split as read.
pub(super) struct Split {
    pub(super) name: &'static str,
    pub(super) items: Vec<Item>,
}

/// All splits of a project.
pub(super) struct Splits {
    pub(super) train: Option<Split>,
    pub(super) dev: Split,
    pub(super) test: Split,
}

/// The items of a data file; `shown` is its name for people.
pub(super) fn read(shown: &str, bytes: &[u8]) -> Result<Vec<Item>, ScopeError> {
    read_items(shown, bytes).map_err(ScopeError::Data)
}

impl Split {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.items.len()).unwrap_or(u32::MAX)
    }

    fn texts(&self) -> Vec<TextItem<'_>> {
        self.items.iter().map(|item| TextItem { id: item.id.as_str(), text: &item.input }).collect()
    }
}

impl Splits {
    /// Adds items from production. A project without examples to learn from gets them.
    pub(super) fn join(&mut self, split: JoinedSplit, items: Vec<Item>) {
        match split {
            JoinedSplit::Dev => self.dev.items.extend(items),
            JoinedSplit::Train => {
                let train = self.train.get_or_insert(Split { name: "train", items: Vec::new() });
                train.items.extend(items);
            }
        }
    }

    /// Sizes, ids, and that no split has what another one has.
    pub(super) fn check(&self) -> Result<(), ScopeError> {
        for (split, least) in [(&self.dev, LEAST_MEASURED), (&self.test, LEAST_MEASURED)] {
            enough(split, least)?;
        }
        if let Some(train) = &self.train {
            enough(train, 1)?;
        }
        self.unique_ids()?;
        self.no_leaks()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Split> {
        self.train.iter().chain([&self.dev, &self.test])
    }

    fn unique_ids(&self) -> Result<(), ScopeError> {
        let mut seen: BTreeMap<&ItemId, &'static str> = BTreeMap::new();
        for split in self.all() {
            for item in &split.items {
                if let Some(first) = seen.insert(&item.id, split.name) {
                    return Err(ScopeError::DuplicateId { id: item.id.clone(), first, second: split.name });
                }
            }
        }
        Ok(())
    }

    fn no_leaks(&self) -> Result<(), ScopeError> {
        let splits: Vec<&Split> = self.all().collect();
        let mut found = Vec::new();
        for (index, left) in splits.iter().enumerate() {
            for right in &splits[index + 1..] {
                let overlaps = find_overlaps(&left.texts(), &right.texts(), &NearCopyRule::default());
                found.extend(overlaps.into_iter().map(|overlap| (left.name, right.name, overlap)));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(ScopeError::Leak(leak_message(&found))) }
    }
}

fn enough(split: &Split, least: u32) -> Result<(), ScopeError> {
    let count = split.count();
    if count >= least { Ok(()) } else { Err(ScopeError::TooFew { split: split.name, count, least }) }
}

fn leak_message(found: &[(&str, &str, Overlap)]) -> String {
    let mut lines = vec![format!(
        "{} pairs of items are the same or nearly the same in two splits, so that a score would be \
         too good; remove one of each pair:",
        found.len()
    )];
    let shown = found.iter().take(SHOWN_PAIRS);
    lines.extend(shown.map(|(left, right, overlap)| pair(left, right, overlap)));
    if found.len() > SHOWN_PAIRS {
        lines.push(format!("  and {} more", found.len() - SHOWN_PAIRS));
    }
    lines.join("\n")
}

fn pair(left: &str, right: &str, overlap: &Overlap) -> String {
    let ids = format!("  {left} `{}` and {right} `{}`", overlap.left, overlap.right);
    match overlap.kind {
        OverlapKind::Duplicate => format!("{ids} are the same"),
        OverlapKind::NearCopy => format!("{ids} share {:.0} %", overlap.similarity * 100.0),
    }
}

//! Items that must not be parted: what is nearly the same, or about one document or family.

use std::collections::BTreeMap;

use empiric_schema::data::Item;
use empiric_schema::data::splits::{NearCopyRule, TextItem, find_overlaps, normalise};

/// Tags that name a family of items.
const FAMILY: &str = "family:";

/// What keeps items together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// Near-copies, common documents and common `family:` tags.
    Families,
    /// Near-copies alone: those that a run would refuse in two splits.
    NearCopies,
}

/// The positions of the items, one list for each group, in the order of their first members.
pub fn groups(items: &[Item], bond: Bond) -> Vec<Vec<usize>> {
    let mut sets = DisjointSets { parent: (0..items.len()).collect() };
    join_near_copies(items, &mut sets);
    if bond == Bond::Families {
        join_families(items, &mut sets);
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..items.len() {
        groups.entry(sets.root(at)).or_default().push(at);
    }
    groups.into_values().collect()
}

/// By the very rule that a run checks its splits with. Equal texts are joined first, so that many copies
/// of one text are not compared each with each.
fn join_near_copies(items: &[Item], sets: &mut DisjointSets) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        sets.join(*first.entry(normalise(&item.input)).or_insert(at), at);
    }
    let names: Vec<(String, usize)> = first.into_values().map(|at| (at.to_string(), at)).collect();
    let texts: Vec<TextItem<'_>> =
        names.iter().map(|(id, at)| TextItem { id, text: &items[*at].input }).collect();
    for overlap in find_overlaps(&texts, &texts, &NearCopyRule::default()) {
        if let (Ok(left), Ok(right)) = (overlap.left.parse(), overlap.right.parse()) {
            sets.join(left, right);
        }
    }
}

fn join_families(items: &[Item], sets: &mut DisjointSets) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let families = item.tags.iter().filter(|tag| tag.starts_with(FAMILY));
        for name in item.documents.iter().chain(families) {
            sets.join(*first.entry(name).or_insert(at), at);
        }
    }
}

/// Union-find; the root of a set is its smallest member.
struct DisjointSets {
    parent: Vec<usize>,
}

impl DisjointSets {
    fn root(&mut self, at: usize) -> usize {
        let mut root = at;
        while self.parent[root] != root {
            root = self.parent[root];
        }
        self.parent[at] = root;
        root
    }

    fn join(&mut self, left: usize, right: usize) {
        let (left, right) = (self.root(left), self.root(right));
        self.parent[left.max(right)] = left.min(right);
    }
}

#[cfg(test)]
mod tests {
    use empiric_schema::data::Expected;
    use empiric_schema::id::ItemId;

    use super::*;

    fn item(input: &str, document: &str, tag: &str) -> Item {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned()).into_iter().collect();
        let (documents, tags) = (some(document), some(tag));
        let expected = Expected::One("x".to_owned());
        Item {
            id: ItemId::new(input),
            input: input.to_owned(),
            expected,
            documents,
            tags,
            forbidden: Vec::new(),
        }
    }

    #[test]
    fn near_copies_documents_and_families_hold_items_together() {
        let items = [
            item("When is tea served in the hall?", "", "easy"),
            item("who pours", "tea.md", ""),
            item("when is tea served in the hall", "", ""),
            item("what does it cost", "", "family:pay"),
            item("which cups are used", "tea.md", "family:pay"),
            item("is there milk", "", "easy"),
        ];
        assert_eq!(groups(&items, Bond::NearCopies), [vec![0, 2], vec![1], vec![3], vec![4], vec![5]]);
        assert_eq!(groups(&items, Bond::Families), [vec![0, 2], vec![1, 3, 4], vec![5]]);
    }
}

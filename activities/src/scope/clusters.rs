//! Which items depend on each other. Pure.

use std::collections::BTreeMap;

use empiric_schema::data::Item;
use empiric_schema::spec::ClusterBy;

/// One number an item: items that share a mark, directly or over others, have the same one. Empty where every item
/// stands alone.
pub(super) fn clusters(items: &[Item], by: ClusterBy) -> Vec<u32> {
    let marks: fn(&Item) -> &[String] = match by {
        ClusterBy::None => return Vec::new(),
        ClusterBy::Documents => |item| &item.documents,
        ClusterBy::Tags => |item| &item.tags,
    };
    let mut parents: Vec<usize> = (0..items.len()).collect();
    let mut first_with: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, item) in items.iter().enumerate() {
        for mark in marks(item) {
            let first = *first_with.entry(mark).or_insert(position);
            let (one, other) = (root(&parents, first), root(&parents, position));
            parents[one.max(other)] = one.min(other);
        }
    }
    (0..items.len()).map(|position| u32::try_from(root(&parents, position)).unwrap_or(u32::MAX)).collect()
}

/// The first item of the cluster that an item is in.
fn root(parents: &[usize], mut position: usize) -> usize {
    while parents[position] != position {
        position = parents[position];
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(documents: &[&[&str]]) -> Vec<Item> {
        let line = |(number, names): (usize, &&[&str])| {
            serde_json::from_value(serde_json::json!({
                "id": format!("i{number}"), "input": "q", "expected": "a", "documents": names, "tags": ["all"],
            }))
            .unwrap()
        };
        documents.iter().enumerate().map(line).collect()
    }

    #[test]
    fn items_that_share_a_document_over_others_are_one_cluster() {
        let items = items(&[&["a"], &["b"], &[], &["c", "b"], &["a", "c"], &[], &["d"]]);
        assert_eq!(clusters(&items, ClusterBy::Documents), [0, 0, 2, 0, 0, 5, 6]);
    }

    #[test]
    fn without_a_rule_every_item_stands_alone_and_a_tag_of_all_joins_all() {
        let items = items(&[&["a"], &["a"]]);
        assert_eq!(clusters(&items, ClusterBy::None), Vec::<u32>::new());
        assert_eq!(clusters(&items, ClusterBy::Tags), [0, 0]);
    }
}

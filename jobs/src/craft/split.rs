//! Which items are used, and which of them only decide when to stop.

use std::collections::BTreeMap;

use empiric_schema::data::Item;

use crate::train::Random;

/// Keep the two uses of a job's seed apart.
const SHARE_STREAM: u64 = 0x7368_6172;
const SPLIT_STREAM: u64 = 0x7370_6c69;

/// Places of a share of the items, in their order; a smaller share is part of a larger one. At least one.
pub(super) fn share(items: usize, share: f64, seed: u64) -> Vec<usize> {
    let mut places: Vec<usize> = (0..items).collect();
    Random::new(seed, SHARE_STREAM).shuffle(&mut places);
    places.truncate(((items as f64 * share).round() as usize).max(1));
    places.sort_unstable();
    places
}

/// Marks the items that are held out: about this share, whole documents at a time, so that no document is on
/// both sides. Something is always left to learn from.
pub(super) fn held_out(items: &[&Item], share: f64, seed: u64) -> Vec<bool> {
    let mut groups = groups(items);
    Random::new(seed, SPLIT_STREAM).shuffle(&mut groups);
    let wanted = (items.len() as f64 * share).round() as usize;
    let mut marks = vec![false; items.len()];
    let mut held = 0;
    for group in groups.iter().skip(1) {
        if held + group.len() <= wanted {
            group.iter().for_each(|place| marks[*place] = true);
            held += group.len();
        }
    }
    marks
}

/// Places of items that share documents, directly or through others. An item without documents is alone.
fn groups(items: &[&Item]) -> Vec<Vec<usize>> {
    let mut group_of: Vec<usize> = (0..items.len()).collect();
    let mut first_with: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        for document in &item.documents {
            let other = group_of[*first_with.entry(document).or_insert(place)];
            let own = group_of[place];
            group_of[..=place].iter_mut().filter(|group| **group == own).for_each(|group| *group = other);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    group_of.iter().enumerate().for_each(|(place, group)| groups.entry(*group).or_default().push(place));
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use empiric_schema::data::Expected;
    use empiric_schema::id::ItemId;

    use super::*;

    fn item(documents: &[&str]) -> Item {
        Item {
            id: ItemId::new("x"),
            input: "?".into(),
            expected: Expected::One("y".into()),
            documents: documents.iter().map(|document| (*document).to_owned()).collect(),
            tags: Vec::new(),
            forbidden: Vec::new(),
        }
    }

    #[test]
    fn items_that_share_documents_stay_together() {
        let items =
            [item(&["a"]), item(&["b"]), item(&[]), item(&["c", "a"]), item(&["b", "c"]), item(&["d"])];
        let items: Vec<&Item> = items.iter().collect();
        assert_eq!(groups(&items), [vec![0, 1, 3, 4], vec![2], vec![5]]);
    }

    #[test]
    fn about_the_share_is_held_out_and_no_document_is_on_both_sides() {
        let items: Vec<Item> = (0..60).map(|n| item(&[format!("doc{}", n % 20).as_str()])).collect();
        let items: Vec<&Item> = items.iter().collect();
        let marks = held_out(&items, 0.2, 7);
        assert_eq!(marks.iter().filter(|mark| **mark).count(), 12);
        for (one, mark) in items.iter().zip(&marks) {
            let same = items.iter().zip(&marks).filter(|(other, _)| other.documents == one.documents);
            assert!(same.clone().all(|(_, other)| other == mark));
        }
        assert_eq!(marks, held_out(&items, 0.2, 7));
        assert_ne!(marks, held_out(&items, 0.2, 8));
        assert!(held_out(&items, 0.0, 7).iter().all(|mark| !mark));
        assert!(held_out(&items[..1], 0.9, 7).iter().all(|mark| !mark));
    }

    #[test]
    fn a_smaller_share_is_part_of_a_larger_one() {
        let (half, most) = (share(40, 0.5, 3), share(40, 0.8, 3));
        assert_eq!((half.len(), most.len()), (20, 32));
        assert!(half.iter().all(|place| most.contains(place)));
        assert_eq!(share(40, 1.0, 3), (0..40).collect::<Vec<_>>());
        assert_eq!(share(40, 0.001, 3).len(), 1);
    }
}

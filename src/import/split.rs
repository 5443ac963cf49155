//! Which item goes into which split: whole groups, labels in proportion, by a seed.

use empiric_workflows::evidence::random::seeded_order;

/// Train, dev and test, in this order.
pub const SPLITS: [&str; 3] = ["train", "dev", "test"];

/// Items under which dev and test get more than their usual share: without them nothing can be shown.
const FEW: usize = 100;
/// Items under which there is no train split.
const VERY_FEW: usize = 30;

/// How many items each split should have; the sum is `items`.
pub fn targets(items: usize) -> [usize; 3] {
    let measured = match items {
        0..VERY_FEW => items / 2,
        VERY_FEW..FEW => items * 2 / 5,
        _ => items * 3 / 10,
    };
    let train = if items < VERY_FEW { 0 } else { items - 2 * measured };
    [train, items - train - measured, measured]
}

/// Puts each group into the split that lacks most of what the group has (Sechidis, Tsoumakas and
/// Vlahavas 2011: iterative stratification), large groups first, equals in a seeded order.
///
/// `stratum` gives each item's class; items of one class are spread in proportion. The positions in a
/// split are sorted, and every item is in exactly one.
pub fn split(groups: &[Vec<usize>], stratum: &[usize], seed: u64) -> [Vec<usize>; 3] {
    let classes = stratum.iter().max().map_or(0, |most| most + 1);
    let count = |class: usize| stratum.iter().filter(|found| **found == class).count() as f64;
    let counts: Vec<f64> = (0..classes).map(count).collect();
    let mut lacking = targets(stratum.len()).map(|target| lacking(target, stratum.len(), &counts));
    let mut order = seeded_order(seed, groups.len());
    order.sort_by_key(|&at| std::cmp::Reverse(groups[at].len()));
    let mut splits = [Vec::new(), Vec::new(), Vec::new()];
    for group in order.into_iter().map(|at| &groups[at]) {
        let chosen = neediest(&lacking, group, stratum);
        group.iter().for_each(|&item| lacking[chosen][stratum[item]] -= 1.0);
        splits[chosen].extend_from_slice(group);
    }
    splits.iter_mut().for_each(|split| split.sort_unstable());
    splits
}

/// What a split of so many items lacks of each class. A split that should have none takes none.
fn lacking(target: usize, items: usize, counts: &[f64]) -> Vec<f64> {
    let share = if target == 0 { f64::NEG_INFINITY } else { target as f64 / items as f64 };
    counts.iter().map(|count| share * count).collect()
}

/// What the group's members are worth to a split is what the split still lacks of their classes; what it
/// lacks altogether decides between equals.
fn neediest(lacking: &[Vec<f64>; 3], group: &[usize], stratum: &[usize]) -> usize {
    let worth = |split: usize| -> (f64, f64) {
        let of_classes = group.iter().map(|&item| lacking[split][stratum[item]]).sum();
        (of_classes, lacking[split].iter().sum())
    };
    // Test first, then dev: the first of equals is kept.
    let mut best = 2;
    for split in [1, 0] {
        let (one, other) = (worth(split), worth(best));
        if one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)).is_gt() {
            best = split;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dev_and_test_come_first_when_there_are_few_items() {
        for (items, expected) in [
            (2, [0, 1, 1]),
            (5, [0, 3, 2]),
            (29, [0, 15, 14]),
            (30, [6, 12, 12]),
            (99, [21, 39, 39]),
            (100, [40, 30, 30]),
            (1000, [400, 300, 300]),
        ] {
            assert_eq!(targets(items), expected, "{items}");
        }
    }

    #[test]
    fn single_items_reach_the_targets_and_labels_are_spread() {
        let groups: Vec<Vec<usize>> = (0..200).map(|at| vec![at]).collect();
        let stratum: Vec<usize> = (0..200).map(|at| usize::from(at % 5 == 0)).collect();
        let splits = split(&groups, &stratum, 7);
        assert_eq!(splits.each_ref().map(Vec::len), [80, 60, 60]);
        let rare = splits.each_ref().map(|split| split.iter().filter(|&&at| stratum[at] == 1).count());
        assert_eq!(rare, [16, 12, 12]);
        assert_eq!(split(&groups, &stratum, 7), splits);
        assert_ne!(split(&groups, &stratum, 8), splits);
    }

    proptest! {
        #[test]
        fn no_item_is_lost_and_no_group_is_parted(
            sizes in prop::collection::vec(1_usize..9, 1..60), classes in 1_usize..5, seed: u64,
        ) {
            let mut next = 0;
            let groups: Vec<Vec<usize>> = sizes.iter().map(|size| {
                next += size;
                (next - size..next).collect()
            }).collect();
            let stratum: Vec<usize> = (0..next).map(|at| at % classes).collect();
            let splits = split(&groups, &stratum, seed);
            let mut all = splits.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..next).collect::<Vec<_>>());
            for group in &groups {
                let holders = splits.iter().filter(|split| group.iter().any(|item| split.contains(item)));
                prop_assert_eq!(holders.count(), 1);
            }
        }
    }
}

//! Which dev items choose a finalist and which meet it. Pure.

use crate::evidence::random::seeded_order;

/// The dev positions for the race and for the confirmation, each in a seeded order.
///
/// With clusters, whole ones go to one side: else what a candidate happens to make of a document would both choose
/// it and confirm it. `clusters` has one number an item, or nothing where items stand alone.
pub fn split_dev(count: u32, race_share: f64, seed: u64, clusters: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let count = count as usize;
    let raced = ((count as f64 * race_share).round() as usize).clamp(1, count.max(2) - 1).min(count);
    let order: Vec<u32> = seeded_order(seed, count).into_iter().map(|position| position as u32).collect();
    if clusters.len() != count {
        let (race, confirm) = order.split_at(raced);
        return (race.to_vec(), confirm.to_vec());
    }
    let racing = racing_clusters(&order, clusters, raced);
    order.into_iter().partition(|&position| racing.contains(&clusters[position as usize]))
}

/// Whole clusters in the order in which they first come, until they have `raced` items; one is left out in any case
/// where there are two.
fn racing_clusters(order: &[u32], clusters: &[u32], raced: usize) -> Vec<u32> {
    let mut met = Vec::new();
    for &position in order {
        let cluster = clusters[position as usize];
        if !met.contains(&cluster) {
            met.push(cluster);
        }
    }
    let size = |cluster: u32| clusters.iter().filter(|one| **one == cluster).count();
    let most = met.len().max(2) - 1;
    let (mut racing, mut items) = (Vec::new(), 0);
    for cluster in met.into_iter().take(most) {
        if items >= raced {
            break;
        }
        items += size(cluster);
        racing.push(cluster);
    }
    racing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_that_stand_alone_are_split_by_the_share() {
        let (race, confirm) = split_dev(10, 0.3, 1, &[]);
        assert_eq!((race.len(), confirm.len()), (3, 7));
        let mut all = [race, confirm].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
    }

    #[test]
    fn both_sides_have_an_item_wherever_there_are_two() {
        assert_eq!(split_dev(2, 0.99, 1, &[]).1.len(), 1);
        assert_eq!(split_dev(4, 0.01, 1, &[5, 5, 6, 6]).0.len(), 2);
        assert_eq!(split_dev(4, 0.99, 1, &[5, 5, 6, 6]).1.len(), 2);
    }

    #[test]
    fn a_cluster_is_never_on_both_sides() {
        let clusters: Vec<u32> = (0..60).map(|position| position % 13).collect();
        for seed in 0..50 {
            let (race, confirm) = split_dev(60, 0.5, seed, &clusters);
            let of = |position: &u32| clusters[*position as usize];
            assert!(race.iter().all(|one| confirm.iter().all(|other| of(one) != of(other))), "seed {seed}");
            assert!((30..=35).contains(&race.len()), "seed {seed}: {}", race.len());
        }
    }
}

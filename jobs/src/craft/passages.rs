//! The passages of an example.

use crate::train::Random;

/// Keeps the places of gold passages apart from other uses of a job's seed.
const STREAM: u64 = 0x676f_6c64;

/// The passages of each variant of an example, by their places in the index and the best first; no two variants
/// are the same.
///
/// The first is as retrieved, the gold passage in the place of the last one where it is missing. Each further
/// one has the next ranks beside the gold passage, which stands at another place than before. `ranked` begins
/// with what the version shows and goes on as far as variants may need.
pub(super) fn variants(
    ranked: &[usize],
    gold: Option<usize>,
    k: usize,
    count: usize,
    random: &mut Random,
) -> Vec<Vec<usize>> {
    let mut first: Vec<usize> = ranked.iter().copied().take(k).collect();
    let (Some(gold), false) = (gold, first.is_empty()) else {
        return vec![first];
    };
    if !first.contains(&gold) {
        first.pop();
        first.push(gold);
    }
    let others: Vec<usize> = ranked.iter().copied().filter(|place| *place != gold).collect();
    let mut all = vec![first];
    for variant in 1..count {
        let last = all.last().and_then(|last| last.iter().position(|place| *place == gold)).unwrap_or(0);
        let next = other_variant(&others, gold, variant, all[0].len(), last, random);
        if !all.contains(&next) {
            all.push(next);
        }
    }
    all
}

/// How many ranks [`variants`] looks at.
pub(super) fn depth(k: usize, count: usize) -> usize {
    // The gold passage may be among them and is then no distractor.
    k.saturating_mul(count.max(1)) + 1
}

fn other_variant(
    others: &[usize],
    gold: usize,
    variant: usize,
    size: usize,
    last: usize,
    random: &mut Random,
) -> Vec<usize> {
    let distractors = size - 1;
    // In a small index the ranks begin again.
    let from = variant * distractors;
    let mut passages: Vec<usize> = (from..from + distractors)
        .filter_map(|rank| others.get(rank % others.len().max(1)).copied())
        .collect();
    let moves = match distractors {
        0 => 0,
        _ => 1 + random.next() as usize % distractors,
    };
    passages.insert(((last + moves) % size).min(passages.len()), gold);
    passages
}

/// A stream of chance for one item.
pub(super) fn random(seed: u64, item: usize) -> Random {
    Random::new(seed ^ STREAM, item as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ranked: &[usize], gold: Option<usize>, k: usize, count: usize) -> Vec<Vec<usize>> {
        variants(ranked, gold, k, count, &mut random(1, 0))
    }

    #[test]
    fn the_first_is_as_retrieved_with_the_gold_passage() {
        assert_eq!(of(&[4, 7, 2, 9], Some(7), 3, 1), [[4, 7, 2]]);
        assert_eq!(of(&[4, 7, 2, 9], Some(9), 3, 1), [[4, 7, 9]]);
        assert_eq!(of(&[4, 7, 2, 9], None, 3, 2), [[4, 7, 2]]);
        assert_eq!(of(&[4], Some(9), 3, 1), [[9]]);
    }

    #[test]
    fn further_variants_have_the_next_ranks_and_the_gold_passage_elsewhere() {
        let ranked: Vec<usize> = (10..10 + depth(3, 4)).collect();
        let all = of(&ranked, Some(11), 3, 4);
        assert_eq!(all.len(), 4);
        let place = |variant: &Vec<usize>| variant.iter().position(|place| *place == 11).unwrap();
        for pair in all.windows(2) {
            assert_ne!(place(&pair[0]), place(&pair[1]), "{all:?}");
        }
        let distractors: Vec<Vec<usize>> = all
            .iter()
            .map(|variant| variant.iter().copied().filter(|place| *place != 11).collect())
            .collect();
        assert_eq!(distractors, [[10, 12], [13, 14], [15, 16], [17, 18]]);
    }

    #[test]
    fn variants_that_would_be_the_same_are_left_out() {
        assert_eq!(of(&[5, 6, 7], Some(5), 1, 3), [[5]]);
        assert_eq!(of(&[5], Some(5), 3, 3), [[5]]);
        assert_eq!(of(&[], Some(5), 0, 3), [[0usize; 0]]);
    }

    #[test]
    fn places_depend_on_the_seed_alone() {
        let ranked: Vec<usize> = (0..40).collect();
        let with = |seed| variants(&ranked, Some(3), 5, 6, &mut random(seed, 2));
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
    }
}

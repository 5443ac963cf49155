//! Racing many candidates: sequential halving.
//!
//! All candidates answer the same few items; the better half goes on to twice as many
//! (Karnin, Koren and Somekh 2013; Jamieson and Talwalkar 2016). Item sets are prefixes of one
//! seeded order, so an answer of an earlier round is never paid for twice.
//!
//! The winner's score here is biased upwards, because it was chosen for being high. It is not
//! evidence: the winner meets the incumbent in a paired test on items not used for choosing.

use empiric_schema::evidence::HalvingRound;

pub use super::random::seeded_order;

/// The rounds of a race: keep the better half (rounded up), double the items, never more than
/// `total_items`.
///
/// The race ends with one candidate. It also ends in the first round that uses every item, since
/// a further one would measure nothing new. Fewer than two candidates or no items need no round.
pub fn schedule(candidates: u64, initial_items: u64, total_items: u64) -> Vec<HalvingRound> {
    let mut rounds = Vec::new();
    if total_items == 0 {
        return rounds;
    }
    let (mut left, mut items) = (candidates, initial_items.clamp(1, total_items));
    while left > 1 {
        let keep = if items == total_items { 1 } else { left.div_ceil(2) };
        rounds.push(HalvingRound { candidates: left, items, keep });
        left = keep;
        items = items.saturating_mul(2).min(total_items);
    }
    rounds
}

/// Answers to be generated in all rounds together: each round asks only for its new items.
pub fn answers_needed(rounds: &[HalvingRound]) -> u64 {
    let mut seen = 0;
    let mut answers = 0;
    for round in rounds {
        answers += round.candidates * (round.items - seen);
        seen = round.items;
    }
    answers
}

/// A race may cost this part of giving every item to every candidate.
const PART_OF_GRID: u64 = 3;
/// With fewer items a round drops candidates by chance.
const FEWEST_FIRST: u64 = 4;

/// The most items that all candidates may answer first, so that the race needs at most a third of the answers of
/// an exhaustive grid over `total` items; never under four.
pub fn first_items(candidates: u64, total: u64) -> u64 {
    let is_cheap = |first: &u64| {
        answers_needed(&schedule(candidates, *first, total)) * PART_OF_GRID
            <= candidates.saturating_mul(total)
    };
    (FEWEST_FIRST..=total).rev().find(is_cheap).unwrap_or(FEWEST_FIRST)
}

/// Indices from the best score to the worst. Ties go to the earlier one, so list candidates
/// cheapest first. A score that is not a number ranks last.
pub fn ranking(scores: &[f64]) -> Vec<usize> {
    let known = |index: usize| {
        let score = scores[index];
        if score.is_nan() {
            f64::NEG_INFINITY
        } else {
            // Minus zero would rank below zero.
            score + 0.0
        }
    };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| known(b).total_cmp(&known(a)));
    order
}

/// Indices of the `keep` best scores, in ascending order, so that the list stays cheapest first.
pub fn keep_best(scores: &[f64], keep: usize) -> Vec<usize> {
    let mut best = ranking(scores);
    best.truncate(keep);
    best.sort_unstable();
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(rounds: &[HalvingRound]) -> Vec<(u64, u64, u64)> {
        let fields = |r: &HalvingRound| (r.candidates, r.items, r.keep);
        rounds.iter().map(fields).collect()
    }

    #[test]
    fn sixteen_candidates_race_over_a_hundred_items() {
        let rounds = schedule(16, 16, 100);
        let expected = [(16, 16, 8), (8, 32, 4), (4, 64, 2), (2, 100, 1)];
        assert_eq!(shape(&rounds), expected);
        assert_eq!(answers_needed(&rounds), 16 * 16 + 8 * 16 + 4 * 32 + 2 * 36);
    }

    #[test]
    fn a_race_needs_a_third_of_the_grid_at_most() {
        for candidates in 4..20 {
            for total in 40..400 {
                let first = first_items(candidates, total);
                let answers = answers_needed(&schedule(candidates, first, total));
                assert!(
                    3 * answers <= candidates * total,
                    "{candidates} candidates, {total} items: {answers}"
                );
            }
        }
        assert_eq!([first_items(8, 54), first_items(16, 54), first_items(8, 300)], [9, 7, 50]);
    }

    #[test]
    fn few_items_still_get_a_first_round() {
        assert_eq!([first_items(8, 10), first_items(2, 6)], [4, 4]);
    }

    #[test]
    fn race_ends_when_every_item_is_used() {
        assert_eq!(shape(&schedule(16, 64, 100)), [(16, 64, 8), (8, 100, 1)]);
        assert_eq!(shape(&schedule(5, 500, 100)), [(5, 100, 1)]);
    }

    #[test]
    fn odd_fields_round_up() {
        assert_eq!(shape(&schedule(5, 10, 1000)), [(5, 10, 3), (3, 20, 2), (2, 40, 1)]);
    }

    #[test]
    fn nothing_to_choose_needs_no_round() {
        assert!(schedule(0, 16, 100).is_empty());
        assert!(schedule(1, 16, 100).is_empty());
        assert!(schedule(16, 16, 0).is_empty());
        assert_eq!(shape(&schedule(2, 0, 100)), [(2, 1, 1)]);
    }

    #[test]
    fn ties_go_to_the_earlier_candidate() {
        assert_eq!(keep_best(&[0.5, 0.7, 0.7, 0.5], 3), [0, 1, 2]);
        assert_eq!(keep_best(&[0.7, 0.7, 0.7], 1), [0]);
        assert_eq!(ranking(&[-0.0, 0.0]), [0, 1]);
    }

    #[test]
    fn missing_scores_rank_last() {
        assert_eq!(ranking(&[f64::NAN, 0.0, 0.2]), [2, 1, 0]);
        assert!(keep_best(&[], 3).is_empty());
    }

    proptest! {
        #[test]
        fn every_race_ends_with_one(candidates in 2_u64..200, initial in 0_u64..300, total in 1_u64..500) {
            let rounds = schedule(candidates, initial, total);
            prop_assert_eq!(rounds[0].candidates, candidates);
            prop_assert_eq!(rounds.last().map(|r| r.keep), Some(1));
            for pair in rounds.windows(2) {
                prop_assert_eq!(pair[1].candidates, pair[0].keep);
                prop_assert!(pair[1].items > pair[0].items && pair[1].items <= total);
            }
        }

        #[test]
        fn kept_scores_are_not_below_dropped_ones(scores in prop::collection::vec(0.0..1.0, 1..40), keep in 1_usize..40) {
            let kept = keep_best(&scores, keep);
            prop_assert_eq!(kept.len(), keep.min(scores.len()));
            let worst = kept.iter().map(|&i| scores[i]).fold(f64::INFINITY, f64::min);
            for (i, &score) in scores.iter().enumerate() {
                prop_assert!(kept.contains(&i) || score <= worst);
            }
        }
    }
}

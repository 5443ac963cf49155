//! Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009).

use super::ranking::{Scored, by_falling_score};

/// How little the first ranks differ; the constant of the paper.
const RANK_OFFSET: f64 = 60.0;

/// One ranking out of several of the same texts: a text's score is the sum of 1 / (60 + rank), ranks from 1.
/// A ranking says nothing about texts that it does not have.
pub fn fuse(texts: usize, rankings: &[&[Scored]]) -> Vec<Scored> {
    let mut scores = vec![0.0; texts];
    for ranking in rankings {
        for (index, scored) in ranking.iter().enumerate() {
            scores[scored.place] += 1.0 / (RANK_OFFSET + (index + 1) as f64);
        }
    }
    by_falling_score(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(places: &[usize]) -> Vec<Scored> {
        places.iter().map(|place| Scored { place: *place, score: 0.0 }).collect()
    }

    #[test]
    fn scores_are_sums_of_reciprocal_ranks() {
        let fused = fuse(3, &[&ranking(&[2, 0, 1]), &ranking(&[2, 1, 0])]);
        assert_eq!(fused[0], Scored { place: 2, score: 2.0 / 61.0 });
        assert_eq!(fused[1], Scored { place: 0, score: 1.0 / 62.0 + 1.0 / 63.0 });
        assert_eq!(fused[2].place, 1, "equals stay in their order");
    }

    #[test]
    fn a_text_that_both_find_beats_one_that_one_ranking_has_first() {
        let fused = fuse(4, &[&ranking(&[0, 1]), &ranking(&[2, 1])]);
        assert_eq!(fused[0].place, 1);
        assert_eq!(fused[3], Scored { place: 3, score: 0.0 });
    }
}

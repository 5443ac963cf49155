//! How far questions are from those of the dev split.
//!
//! The statistic is the mean cosine distance to the nearest neighbour. It grows where questions come that dev has
//! nothing like, and not where some of dev's are asked more often: production always repeats some. A two-sample
//! test of the whole distribution, such as the maximum mean discrepancy (Gretton et al. 2012), would reject both.
//!
//! The limit comes from dev itself: each of its questions is left out in turn and its distance to the rest is what
//! a question like those of dev has. Both means are redrawn, that of the sample and that of dev, since dev is a
//! sample too (Efron and Tibshirani 1993, bootstrap of a difference of means).

use super::DRAWS;
use crate::train::Random;

/// The most similar row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Nearest {
    /// Its place.
    pub(crate) at: usize,
    /// Its cosine distance.
    pub(crate) distance: f64,
}

/// For each row its nearest row of the reference, which has at least one. All rows have length 1.
pub(crate) fn to_nearest(rows: &[&[f32]], reference: &[&[f32]]) -> Vec<Nearest> {
    rows.iter().map(|row| nearest(row, reference.iter().enumerate())).collect()
}

/// The distance of each row to its nearest other row.
pub(crate) fn leave_one_out(rows: &[&[f32]]) -> Vec<f64> {
    let others = |at: usize| rows.iter().enumerate().filter(move |(place, _)| *place != at);
    rows.iter().enumerate().map(|(at, row)| nearest(row, others(at)).distance).collect()
}

fn nearest<'a>(row: &[f32], others: impl Iterator<Item = (usize, &'a &'a [f32])>) -> Nearest {
    let far = Nearest { at: 0, distance: f64::INFINITY };
    others
        .map(|(at, other)| Nearest { at, distance: distance(row, other) })
        .fold(far, |best, next| if next.distance < best.distance { next } else { best })
}

/// Rounding may make the cosine of a row with itself a little more than 1.
fn distance(one: &[f32], other: &[f32]) -> f64 {
    let cosine: f64 = one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    (1.0 - cosine).max(0.0)
}

/// What the mean distance of `count` rows exceeds with probability `alpha` where they are like the reference, whose
/// distances to each other these are.
pub(crate) fn limit(distances: &[f64], count: usize, alpha: f64, seed: u64) -> f64 {
    let expected = mean(distances);
    let mut random = Random::new(seed, 1);
    let mut draw = |count: usize| -> f64 {
        let pick = |_| distances[(random.next() % distances.len() as u64) as usize];
        (0..count).map(pick).sum::<f64>() / count as f64
    };
    let mut differences: Vec<f64> = (0..DRAWS).map(|_| draw(count) - draw(distances.len())).collect();
    differences.sort_by(f64::total_cmp);
    let at = ((1.0 - alpha) * (DRAWS + 1) as f64).ceil() as usize;
    expected + differences[at.clamp(1, DRAWS) - 1]
}

/// The mean; of nothing it is no number.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit vectors around the axes of a space, with a little noise: topics and their wordings.
    fn topics(axes: std::ops::Range<usize>, each: usize, seed: u64) -> Vec<Vec<f32>> {
        let mut random = Random::new(seed, 0);
        axes.flat_map(|axis| (0..each).map(move |_| axis))
            .map(|axis| {
                let mut row: Vec<f32> = (0..16).map(|_| random.symmetric(0.15)).collect();
                row[axis] += 1.0;
                let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
                row.iter().map(|value| value / length).collect()
            })
            .collect()
    }

    fn rows(vectors: &[Vec<f32>]) -> Vec<&[f32]> {
        vectors.iter().map(Vec::as_slice).collect()
    }

    fn mean_distance(sample: &[Vec<f32>], dev: &[Vec<f32>]) -> f64 {
        let found: Vec<f64> =
            to_nearest(&rows(sample), &rows(dev)).iter().map(|nearest| nearest.distance).collect();
        mean(&found)
    }

    #[test]
    fn new_topics_exceed_the_limit_and_repeated_ones_do_not() {
        let dev = topics(0..8, 10, 1);
        let limit = limit(&leave_one_out(&rows(&dev)), 60, 0.001, 7);
        assert!(mean_distance(&topics(0..8, 8, 2), &dev) < limit, "the same topics");
        assert!(mean_distance(&topics(0..1, 60, 3), &dev) < limit, "one of them again and again");
        assert!(mean_distance(&dev, &dev) < limit, "the very questions");
        let mut half = topics(0..4, 8, 4);
        half.extend(topics(10..14, 8, 5));
        assert!(mean_distance(&half, &dev) > limit, "half of them are new");
    }

    #[test]
    fn samples_like_dev_exceed_the_limit_as_seldom_as_was_said() {
        let (mut over, trials) = (0, 200);
        for seed in 0..trials {
            let dev = topics(0..8, 12, 1000 + seed);
            let bound = limit(&leave_one_out(&rows(&dev)), 40, 0.05, seed);
            over += u32::from(mean_distance(&topics(0..8, 5, 5000 + seed), &dev) > bound);
        }
        assert!(over <= 20, "{over} of {trials} exceeded a limit that 5 % may");
    }

    #[test]
    fn a_row_is_not_its_own_neighbour() {
        let vectors = [vec![1.0, 0.0], vec![1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(leave_one_out(&rows(&vectors)), [0.0, 0.0, 1.0]);
        assert_eq!(to_nearest(&rows(&vectors[2..]), &rows(&vectors)), [Nearest { at: 2, distance: 0.0 }]);
    }
}

//! k-means (Lloyd 1982) with seeds far apart (Arthur and Vassilvitskii 2007), and k by silhouette
//! (Rousseeuw 1987).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::dot;

/// More groups than this nobody reads.
const MOST: usize = 8;
/// Rounds after which groups that still change are taken as they are.
const ROUNDS: usize = 50;

/// The grouping with the best mean silhouette, of 2 to `most` groups.
pub(super) fn best(vectors: &[Vec<f32>], most: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let tries = (2..=most.clamp(2, MOST)).map(|k| {
        let labels = group(vectors, k, &mut random);
        (silhouette(vectors, &labels), labels)
    });
    let best = tries.max_by(|one, other| one.0.total_cmp(&other.0));
    best.map(|(_, labels)| labels).unwrap_or_default()
}

fn group(vectors: &[Vec<f32>], k: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut centres = seeds(vectors, k, random);
    let mut labels = nearest(vectors, &centres);
    for _ in 0..ROUNDS {
        for (label, centre) in centres.iter_mut().enumerate() {
            let of_label = vectors.iter().zip(&labels).filter(|(_, own)| **own == label);
            if let Some(mean) = mean(of_label.map(|(vector, _)| vector.as_slice())) {
                *centre = mean;
            }
        }
        let moved = nearest(vectors, &centres);
        if moved == labels {
            break;
        }
        labels = moved;
    }
    labels
}

/// Points drawn with the square of their distance from those drawn before.
fn seeds(vectors: &[Vec<f32>], k: usize, random: &mut ChaCha8Rng) -> Vec<Vec<f32>> {
    let mut drawn: Vec<Vec<f32>> = Vec::new();
    while drawn.len() < k {
        let away = |vector: &Vec<f32>| {
            let distances = drawn.iter().map(|other| f64::from(distance(vector, other)).powi(2));
            distances.fold(f64::INFINITY, f64::min).min(1e9)
        };
        let weights: Vec<f64> = vectors.iter().map(away).collect();
        let mut left = random.next_u32() as f64 / (u32::MAX as f64 + 1.0) * weights.iter().sum::<f64>();
        let hit = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        drawn.push(vectors[hit.unwrap_or(0)].clone());
    }
    drawn
}

fn nearest(vectors: &[Vec<f32>], centres: &[Vec<f32>]) -> Vec<usize> {
    let nearest = |vector: &Vec<f32>| {
        let by_distance = |(_, one): &(usize, f32), (_, other): &(usize, f32)| one.total_cmp(other);
        let distances = centres.iter().map(|centre| distance(vector, centre)).enumerate();
        distances.min_by(by_distance).map_or(0, |(label, _)| label)
    };
    vectors.iter().map(nearest).collect()
}

/// The mean of the vectors, if there are any.
pub(super) fn mean<'a>(vectors: impl Iterator<Item = &'a [f32]>) -> Option<Vec<f32>> {
    let (mut sum, mut count): (Vec<f32>, usize) = (Vec::new(), 0);
    for vector in vectors {
        sum.resize(vector.len(), 0.0);
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
        count += 1;
    }
    (count > 0).then(|| sum.into_iter().map(|value| value / count as f32).collect())
}

/// How much nearer points are to their own group than to the next one, -1 to 1. A point alone counts 0.
fn silhouette(vectors: &[Vec<f32>], labels: &[usize]) -> f64 {
    let groups = labels.iter().max().map_or(0, |last| last + 1);
    let score = |place: usize| {
        let mut sums = vec![(0.0, 0usize); groups];
        for other in (0..vectors.len()).filter(|other| *other != place) {
            let (sum, count) = &mut sums[labels[other]];
            *sum += f64::from(distance(&vectors[place], &vectors[other]));
            *count += 1;
        }
        let (own, count) = sums[labels[place]];
        let others = sums.iter().enumerate().filter(|(label, (_, n))| *label != labels[place] && *n > 0);
        let next = others.map(|(_, (sum, n))| sum / *n as f64).fold(f64::INFINITY, f64::min);
        if count == 0 || next.is_infinite() {
            return 0.0;
        }
        let own = own / count as f64;
        (next - own) / own.max(next).max(f64::MIN_POSITIVE)
    };
    (0..vectors.len()).map(score).sum::<f64>() / vectors.len().max(1) as f64
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    let square = dot(one, one) + dot(other, other) - 2.0 * dot(one, other);
    square.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a line.
    fn line(values: &[f32]) -> Vec<Vec<f32>> {
        values.iter().map(|value| vec![*value, 1.0]).collect()
    }

    #[test]
    fn the_number_of_groups_is_found() {
        let labels = best(&line(&[0.0, 0.1, 0.2, 5.0, 5.1, 5.2, 9.0, 9.1, 9.2]), 4, 7);
        for group in labels.chunks(3) {
            assert!(group.iter().all(|label| *label == group[0]), "{labels:?}");
        }
        assert!(labels[0] != labels[3] && labels[3] != labels[6] && labels[0] != labels[6], "{labels:?}");
    }

    #[test]
    fn a_silhouette_is_that_of_the_formula() {
        // Each point is 1 from its fellow and 9.5 or 10.5 from the mean of the others.
        let expected = (1.0 - 1.0 / 10.5 + 1.0 - 1.0 / 9.5) / 2.0;
        let found = silhouette(&line(&[0.0, 1.0, 10.0, 11.0]), &[0, 0, 1, 1]);
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        assert_eq!(silhouette(&line(&[0.0, 1.0]), &[0, 0]), 0.0);
    }

    #[test]
    fn equal_points_and_equal_seeds_give_equal_groups() {
        let points = line(&[1.0; 6]);
        assert_eq!(best(&points, 3, 1), best(&points, 3, 1));
    }
}

//! Which points lie together: HDBSCAN (Campello, Moulavi and Sander 2013), and k-means where that finds little.

use hdbscan::{Hdbscan, HdbscanHyperParams, NnAlgorithm};

use super::kmeans;

/// The least cluster is this, or a twentieth of the points.
const LEAST: usize = 3;
/// Of more noise than this share HDBSCAN has found nothing.
const MOST_NOISE: f64 = 0.6;

/// The cluster of each point, counted from 0; none for points that are like no others. `vectors` have length 1
/// and equal dimensions; `seed` is for k-means.
///
/// # Errors
/// A vector that is no number, in words.
pub(crate) fn labels(vectors: &[Vec<f32>], seed: u64) -> Result<Vec<Option<usize>>, String> {
    let least = LEAST.max(vectors.len() / 20);
    if vectors.len() < 2 * least {
        return Ok(vec![None; vectors.len()]);
    }
    let found = by_density(vectors, least)?;
    let noise = found.iter().filter(|label| label.is_none()).count();
    if noise as f64 <= MOST_NOISE * vectors.len() as f64 {
        return Ok(found);
    }
    Ok(large(kmeans::best(vectors, vectors.len() / least, seed), least))
}

fn by_density(vectors: &[Vec<f32>], least: usize) -> Result<Vec<Option<usize>>, String> {
    // Trees of neighbours do not pay in hundreds of dimensions.
    let settings =
        HdbscanHyperParams::builder().min_cluster_size(least).nn_algorithm(NnAlgorithm::BruteForce).build();
    let owned = vectors.to_vec();
    let found = Hdbscan::new(&owned, settings).cluster().map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(|label| usize::try_from(label).ok()).collect())
}

/// Labels of clusters that are too small are taken off.
fn large(labels: Vec<usize>, least: usize) -> Vec<Option<usize>> {
    let size = |label: usize| labels.iter().filter(|other| **other == label).count();
    labels.iter().map(|label| (size(*label) >= least).then_some(*label)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points around axes, normalised: the first number says which axis.
    fn points(axes: &[usize]) -> Vec<Vec<f32>> {
        let point = |(place, axis): (usize, &usize)| {
            let mut vector = [0.0; 8];
            vector[*axis] = 1.0;
            vector[7] = 0.01 * (place % 5) as f32;
            let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
            vector.iter().map(|v| v / length).collect()
        };
        axes.iter().enumerate().map(point).collect()
    }

    #[test]
    fn points_that_lie_together_get_one_label_and_a_stranger_none() {
        let labels = labels(&points(&[0, 0, 0, 0, 1, 1, 1, 1, 5]), 1).unwrap();
        let (first, second) = (labels[0], labels[4]);
        assert!(first.is_some() && second.is_some() && first != second, "{labels:?}");
        assert!(labels[..4].iter().all(|label| *label == first), "{labels:?}");
        assert!(labels[4..8].iter().all(|label| *label == second), "{labels:?}");
        assert_eq!(labels[8], None);
    }

    #[test]
    fn few_points_are_not_grouped() {
        assert_eq!(labels(&points(&[0, 0, 0, 1, 1]), 1).unwrap(), [None; 5]);
        assert_eq!(labels(&[], 1).unwrap(), []);
    }

    #[test]
    fn small_groups_of_k_means_are_noise() {
        assert_eq!(large(vec![0, 1, 0, 0], 3), [Some(0), None, Some(0), Some(0)]);
    }
}

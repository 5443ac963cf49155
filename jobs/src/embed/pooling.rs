//! From the vectors of a text's tokens to one vector of length 1.

/// The mean over each text's tokens, scaled to length 1 (Reimers and Gurevych 2019, mean pooling).
///
/// `hidden`: `[tokens, width]`, the texts in order with these lengths. Returns `[texts, width]`. A mean
/// without length or with a value that is no number gives a row that [`is_unit`] refuses.
pub(crate) fn pool(hidden: &[f32], lengths: &[usize], width: usize) -> Vec<f32> {
    let mut vectors = vec![0.0; lengths.len() * width];
    let mut rest = hidden;
    for (length, vector) in lengths.iter().zip(vectors.chunks_exact_mut(width)) {
        let (tokens, later) = rest.split_at(length * width);
        for token in tokens.chunks_exact(width) {
            vector.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
        }
        normalise(vector);
        rest = later;
    }
    vectors
}

/// The division by the number of tokens is left out: it changes the length only.
fn normalise(vector: &mut [f32]) {
    let square: f32 = vector.iter().map(|value| value * value).sum();
    let factor = 1.0 / square.sqrt();
    vector.iter_mut().for_each(|value| *value *= factor);
}

/// Whether a vector has length 1.
pub(crate) fn is_unit(vector: &[f32]) -> bool {
    let square: f32 = vector.iter().map(|value| value * value).sum();
    (square - 1.0).abs() < 1e-3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_means_of_length_one() {
        let hidden = [3.0, 0.0, 1.0, 8.0, 0.0, -2.0];
        let vectors = pool(&hidden, &[2, 1], 2);
        let root = 5f32.sqrt();
        for (found, expected) in vectors.iter().zip([1.0 / root, 2.0 / root, 0.0, -1.0]) {
            assert!((found - expected).abs() < 1e-6, "{vectors:?}");
        }
        assert!(vectors.chunks(2).all(is_unit));
    }

    #[test]
    fn vectors_without_a_direction_are_seen() {
        for bad in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0], [1e30, 1e30]] {
            assert!(!is_unit(&pool(&bad, &[1], 2)), "{bad:?}");
        }
    }
}

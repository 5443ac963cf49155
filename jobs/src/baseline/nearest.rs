//! The most similar vector.

/// The place of the row with the largest dot product with the vector, the first of equals: the most similar one,
/// where all have length 1. Nothing where there are no rows.
pub fn nearest(rows: &[&[f32]], vector: &[f32]) -> Option<usize> {
    let score =
        |row: &[f32]| -> f64 { row.iter().zip(vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
    let scores = rows.iter().map(|row| score(row)).enumerate();
    let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    scores.reduce(better).map(|(place, _)| place)
}

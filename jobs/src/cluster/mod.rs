//! Failures that are alike: grouped, named, and followed from one iteration to the next.
//!
//! What is embedded, and by which encoder, is left to the job kind `cluster`.

mod density;
mod group;
mod kmeans;
mod terms;
mod track;

pub(crate) use group::{Group, Point, groups};
pub(crate) use terms::top_terms;
pub(crate) use track::{Followed, follow};

/// The name of the cluster of failures that are like no others.
pub(crate) const OTHER: &str = "other";

/// Sum of products; the cosine of vectors of length 1.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

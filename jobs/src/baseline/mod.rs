//! Classic supervised models on given vectors, to compare a system with.
//!
//! Where vectors come from is left to [`crate::embed`], what an answer is worth to [`crate::grade`].

mod cross_validation;
mod logistic;
mod majority;
mod minimise;
mod nearest;

#[cfg(test)]
mod tests;

pub use cross_validation::choose_penalty;
pub use logistic::{LogisticRegression, Samples};
pub use majority::majority;
pub use nearest::nearest;

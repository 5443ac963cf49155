//! A [`SystemVersion`](empiric_schema::version::SystemVersion) answers inputs.
//!
//! Evaluation and serving both go through [`Answerer`], so what was measured is what is served. What an
//! answer is worth is left to [`crate::grade`].

mod answerer;
mod bm25;
mod demonstrations;
mod endpoint;
mod engine;
mod error;
mod score;
mod trimmed;

pub use answerer::{Answer, AnswerObserver, Answerer, Question};
pub use endpoint::EndpointModel;
pub use engine::Engine;
pub use error::AnswerError;
pub use score::{ScoredQuestion, TextScores};

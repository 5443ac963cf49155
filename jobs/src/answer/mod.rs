//! A [`SystemVersion`](empiric_schema::version::SystemVersion) answers inputs.
//!
//! Evaluation and serving both go through [`Answerer`], so what was measured is what is served. What an
//! answer is worth is left to [`crate::grade`].

mod answerer;
mod chat;
mod demonstrations;
mod endpoint;
mod engine;
mod error;
mod labels;
mod looked_up;
mod question;
mod score;
mod stream;
mod tooled;
mod trimmed;

#[cfg(test)]
mod answerer_tests;

pub use answerer::Answerer;
pub use endpoint::EndpointModel;
pub use engine::Engine;
pub use error::AnswerError;
pub use question::{Answer, AnswerObserver, Question};
pub use score::{ScoredQuestion, TextScores};

//! Generation for many prompts: greedy or seeded, free or among given texts.
//!
//! Who joins a pass when, and what is shared, is left to [`super::schedule`].

mod choice;
mod free;
mod options;
mod run;
mod sampling;

#[cfg(test)]
pub(crate) mod tests;

pub use options::{Finish, Generated, GenerationOptions};
pub use run::generate;
pub use sampling::Sampling;

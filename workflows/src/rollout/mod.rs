//! A project's rollout: a version is carried from the team to its users, watched, and taken back.
//!
//! [`state`] is where a rollout stands, [`step`] is the one function that decides about a window, [`orders`] is
//! what people may decide, [`books`] keeps both with their reasons. All of that is pure. The Temporal shell around
//! it is [`shell`]. What is counted, written and told is left to activities.

mod approval;
mod books;
mod drift;
mod effects;
mod errands;
mod exposed;
mod orders;
mod retirement;
mod rules;
#[expect(missing_docs, reason = "of constants that the workflow macros make")]
mod shell;
mod state;
mod step;
mod watch;

#[cfg(test)]
mod tests;

pub use approval::ClaimError;
pub use books::Books;
pub use exposed::exposure;
pub use orders::OrderError;
pub use rules::{RolloutError, Rules};
pub use shell::{Rollout, RolloutInput, WINDOWS_PER_EXECUTION};
pub use state::{RolloutState, Subject};
pub use step::{Back, Move, Ruling, rollout_step};

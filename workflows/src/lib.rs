//! Decisions: the pure loop, the techniques and the statistics, with thin Temporal shells around them.
//!
//! Nothing here reads a clock, a file, the environment or a random source, so every decision can be
//! replayed from a history and tested without a server. See `clippy.toml` for what is banned and why.

pub mod budget;
pub mod choice;
pub mod dev_split;
pub mod diagnosis;
pub mod evidence;
pub mod gate;
#[expect(missing_docs, reason = "of constants that the workflow macros make")]
pub mod iteration;
#[expect(missing_docs, reason = "of constants that the workflow macros make")]
pub mod lifecycle;
pub mod loop_step;
pub mod next_steps;
pub mod options;
pub mod people;
pub mod plan;
pub mod race;
pub mod rollout;
pub mod technique;

mod dispatch;

//! Whether a sample from production is like the dev split. Pure, with explicit seeds.
//!
//! [`distance`] compares questions by their vectors, [`permutation`] tests any difference of two samples,
//! [`answers`] says what of the answers is compared. Reading, embedding and writing are left to
//! `kinds/drift.rs`, what follows from a difference to the rollout.

mod answers;
mod distance;
mod permutation;

pub(crate) use answers::{Answers, shifts};
pub(crate) use distance::{Nearest, leave_one_out, limit, to_nearest};

/// Samples that are drawn for a limit or a p-value.
const DRAWS: usize = 19_999;

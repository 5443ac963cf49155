//! The kinds of jobs, one file each with the same skeleton: parameters in, [`Done`] out.
//!
//! How a job is started, watched and ended is left to [`crate::runner`].

pub mod baseline;
pub mod cluster;
mod context;
pub mod drift;
pub mod embed;
pub mod evaluate;
pub mod examples;
pub mod index;
pub mod probe;
pub mod reflect;
pub mod score;
pub mod train_sft;

#[cfg(test)]
mod score_tests;

#[cfg(test)]
pub(crate) use context::json_lines;
pub(crate) use context::{Context, Done};

//! Grades an answer against an item: does it pass, is it harmful, and why.
//!
//! One file a grader, all of one shape: a `check` that says yes, or no with the reason in words. Names and
//! meanings follow promptfoo.

mod choice;
mod contains_any;
mod declining;
mod equals;
mod error;
mod grader;
mod icontains;
mod is_json;
mod number;
mod placeholder;
mod regex;

pub(crate) use declining::Declining;
pub use error::GradeError;
pub use grader::{Grade, Grader};

/// Outcome of one check: it holds, or the reason why not.
type Check = Result<(), String>;

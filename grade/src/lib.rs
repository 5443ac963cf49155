//! Grades an answer: does it pass, is it harmful, and why.
//!
//! One file a grader, all of one shape: a `check` that says yes, or no with the reason in words. Names and
//! meanings follow promptfoo. [`Grader`] holds an answer against an item, [`OnlineGrader`] looks at an answer in
//! production, where nobody knows what is right. Both jobs and the rollout grade with this code; who answers and
//! what follows from a grade is left to them.

mod choice;
mod cites_document;
mod contains_any;
mod declining;
mod equals;
mod error;
mod grader;
mod icontains;
mod is_json;
mod max_length;
mod number;
mod online;
mod placeholder;
mod refusal;
mod regex;

pub use choice::named_choice;
pub use declining::{Declining, SET_PHRASE, WITHHOLD};
pub use error::GradeError;
pub use grader::{Grade, Grader};
pub use online::{Given, OnlineGrade, OnlineGrader};
pub use refusal::reads_like_refusal;

/// Outcome of one check: it holds, or the reason why not.
type Check = Result<(), String>;

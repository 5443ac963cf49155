//! Why an item fails: what each probe changes, and what follows when that repairs it.
//!
//! Nothing here asks a model: the reruns are made by the job kind `probe`. Which technique follows from a
//! diagnosis is left to the workflow.

mod case;
mod desk;
#[cfg(test)]
mod example;
mod lenient;
mod passages;
mod recheck;
mod work;

pub(crate) use case::{Case, Outcome};
pub(crate) use desk::Desk;
pub(crate) use passages::Passages;

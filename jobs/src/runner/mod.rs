//! Runs jobs under the file contract: reads `job.json`, checks inputs, computes, leaves `exit.json`.
//!
//! [`run`] is a process with one job. [`serve`] is a process that keeps its loaded weights for the next job
//! and goes through the same code for each.
//!
//! Whatever happens, one `exit.json` is written, whole, and says why the job ended. Retrying is left to
//! the dispatcher.

mod exit_file;
mod inputs;
mod kept;
mod lifeline;
mod run;
mod serve;
mod signals;

#[cfg(test)]
mod baseline_tests;
#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod drift_tests;
#[cfg(test)]
mod embed_tests;
#[cfg(test)]
mod examples_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod probe_tests;
#[cfg(test)]
mod retrieval_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod training_tests;

pub use run::run;
pub use serve::serve;

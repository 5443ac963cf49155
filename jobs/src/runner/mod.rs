//! Runs one job under the file contract: reads `job.json`, checks inputs, computes, leaves `exit.json`.
//!
//! Whatever happens, one `exit.json` is written, whole, and says why the job ended. Retrying is left to
//! the dispatcher.

mod exit_file;
mod inputs;
mod lifeline;
mod run;
mod signals;

#[cfg(test)]
mod embed_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod training_tests;

pub use run::run;

//! Running jobs: programs that speak the file contract of `empiric_schema::job`.
//!
//! | file | part |
//! |---|---|
//! | `activity` | the Temporal side: heartbeats, cancellation, failures |
//! | `local`, `attempt` | one job on this machine, from its key to its outcome |
//! | `key` | what makes two jobs the same |
//! | `lease` | who may run and publish a job; fencing of late attempts |
//! | `inputs`, `publish` | artifacts in and out of the job's folder |
//! | `process`, `environment`, `tree` | starting a program, and ending everything that it started |
//! | `log`, `progress` | what it says |
//! | `watchdog`, `memory`, `exit` | why it ended |
//!
//! Which job runs, with what budget, and what follows from its end is decided by the workflow.

mod activity;
mod attempt;
mod drain;
mod environment;
mod error;
mod exit;
mod inputs;
mod key;
mod lease;
mod local;
mod log;
mod memory;
mod process;
mod progress;
mod publish;
mod trace;
mod tree;
mod tries;
mod watchdog;

#[cfg(test)]
mod tests;

pub use activity::JobActivities;
pub use drain::Drain;
pub use error::{DispatchError, JobFailure, Stop};
pub use exit::{Ended, classify};
pub use local::{LocalDispatcher, LocalSettings};

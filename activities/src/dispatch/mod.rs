//! Running jobs: programs that speak the file contract of `empiric_schema::job`.
//!
//! | file | part |
//! |---|---|
//! | `activity` | the Temporal side: heartbeats, cancellation, failures |
//! | `local`, `attempt` | one job on this machine, from its key to its outcome |
//! | `key` | what makes two jobs the same |
//! | `lease` | who may run and publish a job; fencing of late attempts |
//! | `attempts` | the folders of a job's attempts: checkpoints found again, old folders removed |
//! | `inputs`, `publish` | artifacts in and out of the job's folder |
//! | `running` | a job at work, in a process of its own or in a warm runner |
//! | `warm` | runners that keep a model loaded from job to job |
//! | `process`, `environment`, `tree` | starting a program, and ending everything that it started |
//! | `output`, `log`, `progress` | what it says |
//! | `watchdog`, `memory`, `exit` | why it ended |
//!
//! Which job runs, with what budget, and what follows from its end is decided by the workflow.

mod activity;
mod attempt;
mod attempts;
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
mod output;
mod process;
mod progress;
mod publish;
mod running;
mod trace;
mod tree;
mod tries;
mod warm;
mod watchdog;

#[cfg(test)]
mod tests;

pub use activity::JobActivities;
pub use drain::Drain;
pub use error::{DispatchError, JobFailure, Stop};
pub use exit::{Ended, classify};
pub use local::{LocalDispatcher, LocalSettings};
pub use warm::WarmSettings;

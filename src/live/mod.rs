//! How a run is followed: a frame that is drawn again and again on a terminal, or plain lines.
//!
//! What is drawn is a pure function of a [`Snapshot`]. Asking the workflow for the view and reading
//! the heartbeats of jobs is left to the commands.

mod ansi;
mod bars;
mod budget;
mod candidates;
mod follow;
mod frame;
mod head;
mod job;
mod palette;
mod plain;
mod snapshot;

#[cfg(test)]
mod tests;

pub use follow::{Follow, on_stderr};
pub use snapshot::{RunningJob, Snapshot};

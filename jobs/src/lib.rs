//! What runs on a device: the model runtime, the answering system, graders, and the job kinds that use them.
//!
//! A job is a program with a file contract ([`runner::run`]). Nothing here knows Temporal, a database or a
//! workflow: `job.json` comes in, `progress.jsonl`, `exit.json` and output files go out.

pub use empiric_grade as grade;
pub use empiric_schema::telemetry_names;

pub mod answer;
pub mod baseline;
mod cluster;
pub mod craft;
mod drift;
pub mod durable_file;
pub mod embed;
pub mod error;
pub mod items;
mod kinds;
pub mod meter;
pub mod model;
pub mod model_cache;
mod probe;
pub mod progress;
mod reflection;
pub mod retrieve;
pub mod runner;
pub mod tools;
pub mod train;

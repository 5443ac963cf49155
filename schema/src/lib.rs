//! The language of Empiric: every value that crosses a process, a file or a history.
//!
//! Nothing here reads a file, a clock or a network. What decides lives in `workflows`, what acts in
//! `activities`, what computes in `jobs`.

pub mod artifact;
pub mod budget;
pub mod contract;
pub mod data;
#[cfg(feature = "db")]
pub mod db;
pub mod decision;
pub mod diagnosis;
pub mod document;
pub mod evidence;
pub mod exposure;
pub mod grade;
pub mod guard;
pub mod id;
pub mod job;
pub mod names;
pub mod question;
pub mod rollout;
pub mod served;
pub mod source;
pub mod spec;
pub mod telemetry_names;
pub mod version;
pub mod view;

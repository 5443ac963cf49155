//! One file per table. Counts are signed because SQL has no unsigned integers; values that a
//! program made are kept as JSON next to the columns that people filter by.

pub mod api_key;
pub mod callback;
pub mod decision;
pub mod draft;
pub mod evaluation;
pub mod exposure;
pub mod feedback;
pub mod item_result;
pub mod iteration;
pub mod job;
pub mod project;
pub mod release;
pub mod request_log;
pub mod rollout;
pub mod run;
pub mod spend;
pub mod version;

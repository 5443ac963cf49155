//! How a dispatcher talks with a warm runner, `empiric job serve`: a process that runs one job after another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Begins an answer: the control character "record separator", which no line of a log begins with.
const ANSWER: char = '\u{1e}';

/// One line of JSON on the runner's standard input: a job to run. The end of the input ends the runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServeRequest {
    /// The job's folder, with `job.json`; absolute.
    pub folder: PathBuf,
    /// Unlike every other request's; hexadecimal digits.
    pub token: String,
    /// `TRACEPARENT` and `TRACESTATE`, where the job is part of a trace.
    #[serde(default)]
    pub trace: BTreeMap<String, String>,
}

impl ServeRequest {
    /// What the runner writes on standard output once `exit.json` is there and it waits for the next job. A
    /// runner that does not go on ends without it, with the exit code of the job's class.
    pub fn answer(&self) -> String {
        format!("{ANSWER}{}\n", self.token)
    }
}

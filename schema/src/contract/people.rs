//! What people send to a run: inputs of its updates.

use serde::{Deserialize, Serialize};

use crate::id::ItemId;

/// Longest note or remark in bytes: a view carries all of them.
pub const LONGEST_NOTE: usize = 1 << 10;

/// Input of the update `answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenAnswer {
    /// Number of the question.
    pub question: u32,
    /// Yes or no.
    pub approved: bool,
    /// Who answers; not empty.
    pub by: String,
    /// The reason; may be empty, at most [`LONGEST_NOTE`].
    #[serde(default)]
    pub note: String,
}

/// Input of the update `remark`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenRemark {
    /// Who speaks; not empty.
    pub by: String,
    /// What; not empty, at most [`LONGEST_NOTE`].
    pub text: String,
    /// The item that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// What the right answer would be, at most [`LONGEST_NOTE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

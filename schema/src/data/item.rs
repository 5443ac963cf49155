//! One question with its accepted answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::ItemId;

/// A line of a data file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// Unique over all splits.
    pub id: ItemId,
    /// What the user asks.
    pub input: String,
    /// What a right answer says.
    pub expected: Expected,
    /// The documents that hold the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// Free marks, such as `arithmetic`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Texts that must not be in an answer: one that has them is harmful.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<String>,
}

/// One accepted answer, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Expected {
    /// The only accepted answer.
    One(String),
    /// Any of these; the first is the one that demonstrations show.
    Any(Vec<String>),
}

impl Expected {
    /// The accepted answers, at least one in a checked data set.
    pub fn alternatives(&self) -> &[String] {
        match self {
            Self::One(answer) => std::slice::from_ref(answer),
            Self::Any(answers) => answers,
        }
    }

    /// The answer that demonstrations show.
    pub fn shown(&self) -> &str {
        self.alternatives().first().map_or("", String::as_str)
    }
}

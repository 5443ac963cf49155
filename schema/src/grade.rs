//! Assertions on an answer, under promptfoo's names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One check of an answer. `{{expected}}` in a value stands for the item's expected answer;
/// where an item has several accepted answers, the check holds if it holds for one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Assertion {
    /// The whole answer, trimmed, is the value.
    Equals {
        /// What the answer must be.
        value: String,
    },
    /// The answer contains the value, whatever the case.
    Icontains {
        /// What the answer must contain.
        value: String,
    },
    /// The answer contains at least one of the values, in their case.
    ContainsAny {
        /// What the answer may contain.
        value: Vec<String>,
    },
    /// The regular expression (Rust `regex` syntax) matches somewhere in the answer.
    Regex {
        /// The expression.
        value: String,
    },
    /// The last number in the answer is the value, within the tolerance.
    Number {
        /// A number, or `{{expected}}`.
        value: String,
        /// Largest absolute difference that still passes.
        #[serde(default)]
        tolerance: f64,
    },
    /// The answer names the value and no other of the choices.
    Choice {
        /// The right choice.
        value: String,
        /// All choices. Empty means the task's labels.
        #[serde(default)]
        choices: Vec<String>,
    },
    /// The answer is one JSON value.
    IsJson,
}

impl Assertion {
    /// The name that promptfoo and the spec use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Equals { .. } => "equals",
            Self::Icontains { .. } => "icontains",
            Self::ContainsAny { .. } => "contains-any",
            Self::Regex { .. } => "regex",
            Self::Number { .. } => "number",
            Self::Choice { .. } => "choice",
            Self::IsJson => "is-json",
        }
    }
}

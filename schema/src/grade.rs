//! Assertions on an answer, under promptfoo's names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stands for the item's expected answer in a value.
pub const EXPECTED: &str = "{{expected}}";

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

/// A check of an answer in production, where nobody knows the expected one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnlineAssertion {
    /// A check that `evaluate` has too, and that needs no expected answer.
    Answer(Assertion),
    /// The answer, trimmed, has at most so many characters.
    MaxLength {
        /// Characters.
        value: u32,
    },
    /// The answer names one of the documents that were shown to the model.
    CitesDocument,
    /// None of the texts is in the answer, whatever the case. Where one is, the answer is harmful.
    NotHarmful {
        /// What an answer must not say.
        value: Vec<String>,
    },
}

impl OnlineAssertion {
    /// The name that the spec uses.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answer(assertion) => assertion.name(),
            Self::MaxLength { .. } => "max-length",
            Self::CitesDocument => "cites-document",
            Self::NotHarmful { .. } => "not-harmful",
        }
    }
}

impl Assertion {
    /// Whether it holds an answer against the item's expected one.
    pub fn needs_expected(&self) -> bool {
        let needs = |value: &String| value.contains(EXPECTED);
        match self {
            Self::Equals { value }
            | Self::Icontains { value }
            | Self::Regex { value }
            | Self::Number { value, .. }
            | Self::Choice { value, .. } => needs(value),
            Self::ContainsAny { value } => value.iter().any(needs),
            Self::IsJson => false,
        }
    }

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

//! What a run asks of people, and what people say to a run.
//!
//! A question waits for an answer without end. Its deadline escalates it and decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::Resource;
use crate::id::ItemId;

/// A question to a person, with all that is needed to answer it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// From 1 in a run.
    pub number: u32,
    /// What it is about.
    pub about: QuestionAbout,
    /// The question in a sentence or two.
    pub text: String,
    /// What is known, one statement a line: what approving and rejecting mean is among it.
    pub context: Vec<String>,
    /// Unix seconds when it was asked, as the workflow's clock says.
    pub asked: f64,
    /// Unix seconds at which it is escalated if nobody has answered.
    pub deadline: f64,
    /// Unix seconds at which that happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<f64>,
    /// Who may not say yes, because they asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// The answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<PersonAnswer>,
}

impl Question {
    /// Whether nobody has answered yet.
    pub fn is_open(&self) -> bool {
        self.answer.is_none()
    }
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QuestionAbout {
    /// Many failures look like mistakes of the data or of the grader.
    EvaluationDefects,
    /// A limit of the budget is used up.
    Spend {
        /// Which.
        resource: Resource,
    },
    /// A version kept the promise and may be released.
    Release,
}

impl QuestionAbout {
    /// The name on the wire, without what belongs to it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EvaluationDefects => "evaluation_defects",
            Self::Spend { .. } => "spend",
            Self::Release => "release",
        }
    }

    /// The subject in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::EvaluationDefects => "evaluation defects",
            Self::Spend { .. } => "spend above the limit",
            Self::Release => "release",
        }
    }
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PersonAnswer {
    /// Yes or no.
    pub approved: bool,
    /// Who, as they named themselves.
    pub by: String,
    /// Their reason; may be empty.
    pub note: String,
    /// Unix seconds, as the workflow's clock says.
    pub at: f64,
}

impl PersonAnswer {
    /// `approved` or `rejected`.
    pub fn word(&self) -> &'static str {
        if self.approved { "approved" } else { "rejected" }
    }
}

/// Something that a person says to a run without being asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Remark {
    /// From 1 in a run.
    pub number: u32,
    /// Who, as they named themselves.
    pub by: String,
    /// What.
    pub text: String,
    /// The item of dev or train that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// What the right answer would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Unix seconds, as the workflow's clock says.
    pub at: f64,
}

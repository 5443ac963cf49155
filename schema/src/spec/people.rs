//! Who is asked, and how long a question may lie before it is escalated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people are asked. That evaluation defects are asked about is no choice: nothing can be concluded from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeopleSpec {
    /// What also needs an approval, all different. Default: nothing.
    pub approve: Vec<Approval>,
    /// Seconds after which an open question is escalated. Default: a day.
    pub deadline_seconds: f64,
}

impl PeopleSpec {
    /// Whether this is the default, which files leave out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a person must approve this.
    pub fn asks(&self, approval: Approval) -> bool {
        self.approve.contains(&approval)
    }
}

impl Default for PeopleSpec {
    fn default() -> Self {
        Self { approve: Vec::new(), deadline_seconds: 24.0 * 3600.0 }
    }
}

/// What a person may have to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// When a limit of the budget other than the wall clock is used up: whether as much again may be spent.
    Spend,
    /// When a version has kept the promise on the locked test: whether it may be released.
    Release,
    /// When a version has earned more exposure: whether more people may see it.
    Promotion,
}

impl Approval {
    /// The name in `project.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spend => "spend",
            Self::Release => "release",
            Self::Promotion => "promotion",
        }
    }
}

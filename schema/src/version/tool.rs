//! Tools that a version may use: what an answer says between `<<` and `>>` is done, and its result put there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;

/// Begins a call in an answer.
pub const CALL_BEGIN: &str = "<<";
/// Ends a call in an answer.
pub const CALL_END: &str = ">>";

/// A tool. None of them has effects outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "tool", rename_all = "snake_case")]
pub enum Tool {
    /// `<<6 * 102.50>>`: decimal arithmetic with + - * / % and brackets.
    Calculator,
    /// `<<2026-03-28 + 14 days>>`, `<<2026-03-28 - 2026-03-01>>`, `<<weekday 2026-03-28>>`.
    Dates,
    /// `<<lookup NAME | ROW | COLUMN>>`: a cell of a table.
    Lookup {
        /// The table's name in calls.
        name: String,
        /// CSV with a header line; the first column names the rows.
        table: ArtifactRef,
    },
    /// `<<get URL>>`: the text behind an address of the allow-list.
    HttpGet {
        /// Prefixes of addresses that may be asked: https, or http on loopback.
        allow: Vec<String>,
    },
}

/// Who decides that a tool is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolRouting {
    /// The model decides by what it writes.
    #[default]
    Learned,
    /// Only questions with a number and a word of reckoning (how much, how many, total, cost ...) may use tools;
    /// in others calls are left as text.
    Rules,
}

/// The tools of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolUse {
    /// Which.
    pub tools: Vec<Tool>,
    /// Who decides that one is used.
    #[serde(default)]
    pub routing: ToolRouting,
}

impl ToolUse {
    /// All artifacts that the tools read.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let tables = self.tools.iter().filter_map(|tool| match tool {
            Tool::Lookup { table, .. } => Some(table),
            Tool::Calculator | Tool::Dates | Tool::HttpGet { .. } => None,
        });
        tables.collect()
    }
}

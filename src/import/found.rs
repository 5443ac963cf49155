//! What a file turned out to hold.

use std::collections::BTreeMap;
use std::path::PathBuf;

use empiric_schema::data::Item;

/// The kind of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Csv,
    Jsonl,
    Chats,
    Promptfoo,
    Folder,
}

impl Kind {
    /// For people and scripts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Chats => "chats",
            Self::Promptfoo => "promptfoo",
            Self::Folder => "folder",
        }
    }
}

/// How another tool asked for its answers to be checked, as far as Empiric does it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    Equals,
    Contains,
}

/// A document to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Path below the folder, with `/`.
    pub(super) name: String,
}

/// Reasons with the lines (or entries) that they concern.
pub type Reasons = BTreeMap<String, Vec<usize>>;

/// What was read: every row is an item or is left out for a reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The file or folder, for messages.
    pub(super) file: String,
    pub(super) kind: Kind,
    /// Ids are unique.
    pub(super) items: Vec<Item>,
    /// Rows that are no items.
    pub(super) left_out: Reasons,
    /// Which column became what.
    pub(super) taken: Vec<String>,
    /// What has no place in a project, in words.
    pub(super) unused: Vec<String>,
    /// A system message.
    pub(super) system: Option<String>,
    /// A template of the user message, with `{{input}}`.
    pub(super) user: Option<String>,
    /// The weakest check that the file asks for.
    pub(super) check: Option<Check>,
    pub(super) documents: Vec<DocumentFile>,
}

impl Found {
    /// Rows that were read.
    pub fn rows(&self) -> usize {
        self.items.len() + self.left_out.values().map(Vec::len).sum::<usize>()
    }

    /// What a row is called.
    fn noun(&self) -> &'static str {
        if self.kind == Kind::Promptfoo { "test" } else { "line" }
    }

    /// Rows that were left out, one text for each reason.
    pub(super) fn left_out_words(&self) -> Vec<String> {
        let one = |(reason, lines): (&String, &Vec<usize>)| {
            format!("{} left out: {reason} ({})", lines.len(), places(lines, self.noun()))
        };
        self.left_out.iter().map(one).collect()
    }
}

/// `line 3`, `lines 3, 5`, or the first few of many.
fn places(lines: &[usize], noun: &str) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = lines.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if lines.len() > SHOWN { ", ..." } else { "" };
    let plural = if lines.len() == 1 { "" } else { "s" };
    format!("{noun}{plural} {}{more}", shown.join(", "))
}

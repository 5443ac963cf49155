//! Documents, and the chunks that they are cut into.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One line of an index's chunks file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Chunk {
    /// The document as the spec's sources name it, such as `handbook/parking.md`.
    pub document: String,
    /// Headings from the document's title down, joined by ` > `.
    pub title: String,
    /// What stands there.
    pub text: String,
}

impl Chunk {
    /// What is ranked, embedded and shown: the title, then the text.
    pub fn passage(&self) -> String {
        match self.title.is_empty() {
            true => self.text.clone(),
            false => format!("{}\n{}", self.title, self.text),
        }
    }
}

//! What is asked of a version, and what it said.

use empiric_schema::data::Item;
use empiric_schema::document::Chunk;
use empiric_schema::id::ItemId;
use empiric_schema::job::{ShownPassage, ToolCall};

use crate::model::{Finish, Flow, Generated, Totals};
use crate::retrieve::Found;

/// One thing to answer.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The item's id, where the question is an item: it is then never shown as its own example.
    pub id: Option<&'a ItemId>,
    /// What the user asks.
    pub input: &'a str,
    /// Passages to show, the best first, in place of those that the version would look up; the version need
    /// not retrieve at all. An empty slice shows none.
    pub passages: Option<&'a [Chunk]>,
}

impl<'a> From<&'a str> for Question<'a> {
    fn from(input: &'a str) -> Self {
        Self { id: None, input, passages: None }
    }
}

impl<'a> From<&'a Item> for Question<'a> {
    fn from(item: &'a Item) -> Self {
        Self { id: Some(&item.id), input: &item.input, passages: None }
    }
}

/// What the system said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The answer, cut at stop texts and trimmed, with the results of tools in it.
    pub text: String,
    /// Calls of tools that stood in it.
    pub calls: Vec<ToolCall>,
    /// Length of the prompt in tokens.
    pub prompt_tokens: u32,
    /// Length of the answer in tokens.
    pub completion_tokens: u32,
    /// Why it ended.
    pub finish: Finish,
    /// The passages that were looked up and shown, in the order of their rank. Given ones are not repeated.
    pub passages: Vec<ShownPassage>,
}

impl Answer {
    pub(super) fn new(prompt_tokens: usize, generated: Generated) -> Self {
        Self {
            text: generated.text.trim().to_owned(),
            calls: Vec::new(),
            prompt_tokens: prompt_tokens as u32,
            completion_tokens: generated.tokens.len() as u32,
            finish: generated.finish,
            passages: Vec::new(),
        }
    }
}

/// Watches answers as they come.
pub trait AnswerObserver {
    /// Called once before the first answer, with what was looked up for each question, at least the ten best
    /// passages; nothing for a question with given passages. Never called for a version without retrieval.
    fn found(&mut self, _found: &[Option<Found<'_>>]) {}
    /// Called before each pass of the model with what will have been used after it.
    fn before_pass(&mut self, totals: Totals) -> Flow;
    /// Called with what was used for certain, where that is known only afterwards.
    fn used(&mut self, _totals: Totals) {}
    /// Called with the answer to the question at `index`.
    fn answered(&mut self, index: usize, answer: Answer) -> Flow;
}

//! What is asked of a generation, and what it gives.

use super::sampling::Sampling;

/// How answers are generated.
#[derive(Debug, Clone, Default)]
pub struct GenerationOptions<'a> {
    /// Most new tokens of each answer. Does not cut an answer that is one of `choices`.
    pub max_tokens: usize,
    /// Texts that end an answer; they are cut off. They do not matter with `choices`.
    pub stop: &'a [String],
    /// Most sequences at a time.
    pub batch: usize,
    /// How the next token is picked.
    pub sampling: Sampling,
    /// The texts of which an answer is one; free text where there are none.
    ///
    /// Each token is picked among those that lead on to a text, so greedy picking may miss the likeliest
    /// text: [`crate::model::score()`] compares whole texts.
    pub choices: &'a [String],
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended its turn.
    End,
    /// A stop text came.
    Stop,
    /// The limit on new tokens was reached.
    Length,
    /// One of the given texts is complete.
    Choice,
}

impl Finish {
    /// The name that chat interfaces use.
    pub fn name(self) -> &'static str {
        match self {
            Self::End | Self::Stop | Self::Choice => "stop",
            Self::Length => "length",
        }
    }
}

/// One finished answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// New tokens without the one that ends the turn.
    pub tokens: Vec<u32>,
    /// Their text, cut at stop texts.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
}

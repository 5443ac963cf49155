//! One sequence as the batch sees it.

use std::borrow::Cow;

use crate::model::config::LlamaConfig;
use crate::model::error::ModelError;
use crate::model::observe::Totals;

/// Tokens that a sequence wants read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading<'a> {
    /// Tokens of the cache that stay; later ones are forgotten first.
    pub(crate) keep: usize,
    /// At least one.
    pub(crate) tokens: Cow<'a, [u32]>,
    /// So many of the first tokens need no logits after them; at least one token does.
    pub(crate) quiet: usize,
}

/// What a sequence does after a reading.
pub(crate) enum Next<'a, T> {
    /// It reads more.
    Read(Reading<'a>),
    /// It leaves the batch.
    Done(T),
}

/// A sequence: it decides from logits what is read next.
pub(crate) trait Sequence<'a>: Send {
    /// What it leads to.
    type Output;

    /// New tokens that each finished reading brings.
    const SAMPLES: u64;

    /// What is read first, into an empty cache (`keep` is 0). Its quiet tokens may be taken over from another
    /// sequence that begins with them too.
    fn first(&self) -> Reading<'a>;

    /// Most tokens that its cache ever holds.
    fn room(&self) -> usize;

    /// New tokens of the answer so far; none where there is no answer in the making.
    fn answer(&self) -> &[u32] {
        &[]
    }

    /// Most readings that it takes.
    fn readings(&self) -> usize;

    /// What it has used so far, once it was begun.
    fn usage(&self) -> Totals;

    /// Takes the logits after the next token that is not quiet: `[vocabulary]`. Called from any thread.
    fn take(&mut self, logits: &[f32]) -> Result<(), ModelError>;

    /// Called when a reading is finished and its logits were taken.
    fn next(&mut self) -> Result<Next<'a, Self::Output>, ModelError>;
}

/// Refuses a prompt that with `new` more tokens does not fit the network, or has tokens that it does not know.
pub(crate) fn fit(config: &LlamaConfig, index: usize, prompt: &[u32], new: usize) -> Result<(), ModelError> {
    let context = config.context;
    if prompt.is_empty() || prompt.len() + new > context {
        return Err(ModelError::TooLong { index, tokens: prompt.len(), new, context });
    }
    known(config, index, prompt)
}

/// Refuses tokens that the network does not know.
pub(crate) fn known(config: &LlamaConfig, index: usize, tokens: &[u32]) -> Result<(), ModelError> {
    let vocabulary = config.vocabulary;
    match tokens.iter().find(|token| **token as usize >= vocabulary) {
        None => Ok(()),
        Some(token) => Err(ModelError::UnknownToken { index, token: *token, vocabulary }),
    }
}

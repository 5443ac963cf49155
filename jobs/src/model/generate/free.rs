//! An answer in free text.

use super::options::{Finish, Generated, GenerationOptions};
use super::sampling::Picker;
use crate::model::error::ModelError;
use crate::model::logits;
use crate::model::observe::Totals;
use crate::model::schedule::{Next, Reading, Sequence};
use crate::model::tokenizer::ChatTokenizer;

/// One prompt and its answer so far.
pub(super) struct Free<'a> {
    pub(super) prompt: &'a [u32],
    pub(super) tokenizer: &'a ChatTokenizer,
    pub(super) options: &'a GenerationOptions<'a>,
    pub(super) picker: Picker,
    pub(super) generated: Vec<u32>,
    /// The token that was picked last.
    pub(super) picked: u32,
    /// Tokens picked so far, the one that ends the turn among them.
    pub(super) count: u64,
}

impl<'a> Sequence<'a> for Free<'a> {
    type Output = Generated;

    const SAMPLES: u64 = 1;

    fn first(&self) -> Reading<'a> {
        Reading { keep: 0, tokens: self.prompt.into(), quiet: self.prompt.len() - 1 }
    }

    fn room(&self) -> usize {
        self.prompt.len() + self.options.max_tokens
    }

    fn answer(&self) -> &[u32] {
        &self.generated
    }

    fn readings(&self) -> usize {
        self.options.max_tokens
    }

    fn usage(&self) -> Totals {
        Totals { prompt_tokens: self.prompt.len() as u64, completion_tokens: self.count }
    }

    fn take(&mut self, logits: &[f32]) -> Result<(), ModelError> {
        logits::check(logits)?;
        self.picked = self.picker.pick(logits) as u32;
        self.count += 1;
        Ok(())
    }

    fn next(&mut self) -> Result<Next<'a, Generated>, ModelError> {
        let ended = self.tokenizer.is_end(self.picked);
        let keep = self.prompt.len() + self.generated.len();
        if !ended {
            self.generated.push(self.picked);
        }
        let full = self.generated.len() >= self.options.max_tokens;
        let reason = match (ended, full) {
            (true, _) => Some(Finish::End),
            (false, true) => Some(Finish::Length),
            (false, false) => None,
        };
        match self.finish(reason)? {
            Some(answer) => Ok(Next::Done(answer)),
            None => Ok(Next::Read(Reading { keep, tokens: vec![self.picked].into(), quiet: 0 })),
        }
    }
}

impl Free<'_> {
    /// The answer, if it is complete: for this reason, or because a stop text is in it.
    fn finish(&mut self, reason: Option<Finish>) -> Result<Option<Generated>, ModelError> {
        if reason.is_none() && self.options.stop.is_empty() {
            return Ok(None);
        }
        let mut text = self.tokenizer.decode(&self.generated)?;
        let stops = self.options.stop.iter().filter(|stop| !stop.is_empty());
        let stopped = stops.filter_map(|stop| text.find(stop.as_str())).min();
        let finish = match (stopped, reason) {
            (Some(at), _) => {
                text.truncate(at);
                Finish::Stop
            }
            (None, Some(reason)) => reason,
            (None, None) => return Ok(None),
        };
        Ok(Some(Generated { tokens: std::mem::take(&mut self.generated), text, finish }))
    }
}

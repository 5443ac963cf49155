//! An answer that is one of given texts: a walk from the root of their prefix tree to one of their ends.

use std::sync::Arc;

use super::options::{Finish, Generated};
use super::sampling::Picker;
use crate::model::error::ModelError;
use crate::model::logits;
use crate::model::observe::Totals;
use crate::model::schedule::{Next, Reading, Sequence};
use crate::model::tokenizer::ChatTokenizer;
use crate::model::trie::{ROOT, TokenTrie};

/// One prompt and the walk so far.
pub(super) struct Choosing<'a> {
    prompt: &'a [u32],
    texts: &'a [String],
    tokenizer: &'a ChatTokenizer,
    trie: Arc<TokenTrie>,
    picker: Picker,
    /// Where the walk is.
    node: usize,
    generated: Vec<u32>,
    /// The picked child of the node; the place after the last child is the end of the turn.
    picked: usize,
}

impl<'a> Choosing<'a> {
    pub(super) fn new(
        prompt: &'a [u32],
        texts: &'a [String],
        tokenizer: &'a ChatTokenizer,
        trie: Arc<TokenTrie>,
        picker: Picker,
    ) -> Self {
        let (node, generated, picked) = (ROOT, Vec::new(), 0);
        let mut walk = Self { prompt, texts, tokenizer, trie, picker, node, generated, picked };
        walk.follow();
        walk
    }

    /// Goes on while there is only one way: the model has nothing to say there.
    fn follow(&mut self) {
        while let ([child], []) =
            (&self.trie.node(self.node).children[..], &self.trie.node(self.node).texts[..])
        {
            self.step(*child);
        }
    }

    fn step(&mut self, child: usize) {
        self.node = child;
        self.generated.push(self.trie.node(child).token);
    }

    /// A logit for each child, then one for the end of the turn if a text ends here.
    fn ways(&self, logits: &[f32]) -> Vec<f32> {
        let node = self.trie.node(self.node);
        let mut ways: Vec<f32> =
            node.children.iter().map(|child| logits[self.trie.node(*child).token as usize]).collect();
        if !node.texts.is_empty() {
            let ends: Vec<f32> =
                self.tokenizer.ends().filter_map(|end| logits.get(end as usize).copied()).collect();
            ways.push((logits::log_sum_exp(&ends) as f32).max(f32::MIN));
        }
        ways
    }

    /// The text that ends here.
    fn chosen(&mut self) -> Generated {
        let text = self.trie.node(self.node).texts.first().map(|number| self.texts[*number].clone());
        Generated {
            tokens: std::mem::take(&mut self.generated),
            text: text.unwrap_or_default(),
            finish: Finish::Choice,
        }
    }
}

impl<'a> Sequence<'a> for Choosing<'a> {
    type Output = Generated;

    const SAMPLES: u64 = 1;

    fn first(&self) -> Reading<'a> {
        let tokens = [self.prompt, &self.generated].concat();
        Reading { keep: 0, quiet: tokens.len() - 1, tokens: tokens.into() }
    }

    fn room(&self) -> usize {
        self.prompt.len() + self.trie.depth()
    }

    fn readings(&self) -> usize {
        self.trie.depth()
    }

    fn usage(&self) -> Totals {
        Totals { prompt_tokens: self.prompt.len() as u64, completion_tokens: self.generated.len() as u64 }
    }

    fn take(&mut self, logits: &[f32]) -> Result<(), ModelError> {
        logits::check(logits)?;
        self.picked = self.picker.pick(&self.ways(logits));
        Ok(())
    }

    fn next(&mut self) -> Result<Next<'a, Generated>, ModelError> {
        let read = self.generated.len();
        let Some(child) = self.trie.node(self.node).children.get(self.picked).copied() else {
            return Ok(Next::Done(self.chosen()));
        };
        self.step(child);
        self.follow();
        if self.trie.node(self.node).children.is_empty() {
            return Ok(Next::Done(self.chosen()));
        }
        let tokens = self.generated[read..].to_vec();
        Ok(Next::Read(Reading {
            keep: self.prompt.len() + read,
            quiet: tokens.len() - 1,
            tokens: tokens.into(),
        }))
    }
}

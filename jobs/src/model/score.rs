//! How likely given continuations of prompts are.
//!
//! A prompt is read once; its continuations, as a prefix tree, are read one path after another into the same
//! cache, whose end is forgotten in between. The logits after the prompt already tell about every first
//! token, and only tokens with something after them are read at all. Softmax and the head are computed at
//! those positions alone. How likely a text is for a whole system is left to [`crate::answer`].

use std::collections::VecDeque;

use super::error::ModelError;
use super::files::LoadedModel;
use super::logits;
use super::observe::{Flow, Observer, Totals};
use super::schedule::{self, Next, Reading, Sequence, fit};
use super::trie::{Node, ROOT, TokenTrie};

/// A prompt and what may follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The prompt's tokens, at least one.
    pub prompt: Vec<u32>,
    /// Tokens of each continuation (see [`super::ChatTokenizer::continuation`]), without the end of the turn.
    pub continuations: Vec<Vec<u32>>,
}

/// How continuations are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreOptions {
    /// Most prompts at a time.
    pub batch: usize,
    /// Whether the end of the turn counts.
    pub end: TurnEnd,
}

/// Whether the end of the turn after a continuation is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnEnd {
    /// It is, which costs reading each continuation's last token.
    Scored,
    /// It is not: continuations of one token cost nothing beside their prompt.
    Ignored,
}

/// How likely one continuation is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likelihood {
    /// Its length in tokens.
    pub tokens: usize,
    /// Natural logarithm of the probability of all its tokens after the prompt.
    pub log_probability: f64,
    /// The same with the end of the turn after it, by any token that ends one; where it was asked for.
    pub log_probability_with_end: Option<f64>,
}

/// Scores the continuations of each prompt; the observer gets the likelihoods in their order. All tokens
/// count as read, none as generated. Results do not depend on the batch size, nor on the order.
///
/// # Errors
/// A prompt that with a continuation does not fit the model's context, tokens that the model does not know,
/// a tokenizer without an end of the turn where that is asked for, logits that are not numbers, or a tensor
/// failure.
pub fn score(
    model: &LoadedModel,
    candidates: &[Candidates],
    options: &ScoreOptions,
    observer: &mut dyn Observer<Vec<Likelihood>>,
) -> Result<Flow, ModelError> {
    let config = model.llama.config();
    let ends: Vec<u32> = model.tokenizer.ends().filter(|end| (*end as usize) < config.vocabulary).collect();
    if options.end == TurnEnd::Scored && ends.is_empty() {
        let (found, expected) = ("marked by no token".to_owned(), "a token that the tokenizer marks as one");
        return Err(ModelError::Setting { name: "end of the turn", found, expected });
    }
    let mut sequences = Vec::with_capacity(candidates.len());
    for (index, candidates) in candidates.iter().enumerate() {
        let longest = candidates.continuations.iter().map(Vec::len).max().unwrap_or(0);
        fit(config, index, &candidates.prompt, longest)?;
        candidates.continuations.iter().try_for_each(|tokens| schedule::known(config, index, tokens))?;
        sequences.push(Scoring::new(candidates, options.end, &ends));
    }
    schedule::run(model, sequences, options.batch, observer)
}

/// Nodes that are read one after another.
#[derive(Debug, PartialEq, Eq)]
struct Path {
    /// Continuation tokens in the cache before it.
    after: usize,
    nodes: Vec<usize>,
}

/// What the model said at a node.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    /// Logarithm of the probability of the node's token after its parent's.
    token: f64,
    /// Logarithm of the probability that the turn ends after the node.
    end: f64,
}

/// A prompt whose continuations are being scored.
struct Scoring<'a> {
    candidates: &'a Candidates,
    ends: &'a [u32],
    end: TurnEnd,
    trie: TokenTrie,
    /// Paths that are left to read.
    paths: VecDeque<Path>,
    /// Nodes whose logits come next.
    expected: VecDeque<usize>,
    heard: Vec<Heard>,
}

impl<'a> Scoring<'a> {
    fn new(candidates: &'a Candidates, end: TurnEnd, ends: &'a [u32]) -> Self {
        let trie = TokenTrie::new(&candidates.continuations);
        let paths = paths(&trie, end);
        let expected = std::iter::once(ROOT).chain(paths.iter().flat_map(|path| path.nodes.iter().copied()));
        let (expected, heard) = (expected.collect(), vec![Heard::default(); trie.len()]);
        Self { candidates, ends, end, trie, paths, expected, heard }
    }

    fn tokens(&self, path: &Path) -> Vec<u32> {
        path.nodes.iter().map(|node| self.trie.node(*node).token).collect()
    }

    fn likelihood(&self, tokens: &[u32]) -> Likelihood {
        let (mut log_probability, mut last) = (0.0, ROOT);
        for node in self.trie.path(tokens) {
            log_probability += self.heard[node].token;
            last = node;
        }
        let with_end = log_probability + self.heard[last].end;
        let log_probability_with_end = (self.end == TurnEnd::Scored).then_some(with_end);
        Likelihood { tokens: tokens.len(), log_probability, log_probability_with_end }
    }
}

impl<'a> Sequence<'a> for Scoring<'a> {
    type Output = Vec<Likelihood>;

    const SAMPLES: u64 = 0;

    fn first(&self) -> Reading<'a> {
        // The first path follows the prompt at once, in the same pass.
        let prompt = &self.candidates.prompt;
        let path = self.paths.front().map(|path| self.tokens(path)).unwrap_or_default();
        Reading { keep: 0, tokens: [prompt.as_slice(), &path].concat().into(), quiet: prompt.len() - 1 }
    }

    fn room(&self) -> usize {
        self.candidates.prompt.len() + self.trie.depth()
    }

    fn readings(&self) -> usize {
        self.paths.len().max(1)
    }

    fn usage(&self) -> Totals {
        let continuations: usize = self.candidates.continuations.iter().map(Vec::len).sum();
        let prompt_tokens = (self.candidates.prompt.len() + continuations) as u64;
        Totals { prompt_tokens, completion_tokens: 0 }
    }

    fn take(&mut self, logits: &[f32]) -> Result<(), ModelError> {
        logits::check(logits)?;
        let Some(place) = self.expected.pop_front() else {
            return Ok(());
        };
        let total = logits::log_sum_exp(logits);
        let node = self.trie.node(place);
        for child in &node.children {
            self.heard[*child].token = f64::from(logits[self.trie.node(*child).token as usize]) - total;
        }
        if !node.texts.is_empty() {
            let ends: Vec<f32> = self.ends.iter().map(|end| logits[*end as usize]).collect();
            self.heard[place].end = logits::log_sum_exp(&ends) - total;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Next<'a, Vec<Likelihood>>, ModelError> {
        self.paths.pop_front();
        let Some(path) = self.paths.front() else {
            let continuations = self.candidates.continuations.iter();
            return Ok(Next::Done(continuations.map(|tokens| self.likelihood(tokens)).collect()));
        };
        let keep = self.candidates.prompt.len() + path.after;
        Ok(Next::Read(Reading { keep, tokens: self.tokens(path).into(), quiet: 0 }))
    }
}

/// The nodes whose logits are needed, from the root down and cut where a path does not follow the one before.
fn paths(trie: &TokenTrie, end: TurnEnd) -> VecDeque<Path> {
    let needed =
        |node: &Node| !node.children.is_empty() || (end == TurnEnd::Scored && !node.texts.is_empty());
    let mut paths: VecDeque<Path> = VecDeque::new();
    let mut open = vec![ROOT];
    let mut parent = None;
    while let Some(place) = open.pop() {
        let node = trie.node(place);
        let below = node.children.iter().rev().filter(|child| needed(trie.node(**child)));
        open.extend(below);
        if place == ROOT {
            continue;
        }
        match paths
            .back_mut()
            .filter(|_| parent.is_some_and(|last| trie.node(last).children.contains(&place)))
        {
            Some(path) => path.nodes.push(place),
            None => paths.push_back(Path { after: node.depth - 1, nodes: vec![place] }),
        }
        parent = Some(place);
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(continuations: &[Vec<u32>], end: TurnEnd) -> Vec<(usize, Vec<u32>)> {
        let trie = TokenTrie::new(continuations);
        let tokens = |path: &Path| path.nodes.iter().map(|node| trie.node(*node).token).collect();
        paths(&trie, end).iter().map(|path| (path.after, tokens(path))).collect()
    }

    #[test]
    fn only_tokens_with_something_after_them_are_read() {
        let labels = [vec![1], vec![2], vec![3]];
        assert_eq!(read(&labels, TurnEnd::Ignored), []);
        assert_eq!(read(&labels, TurnEnd::Scored), [(0, vec![1]), (0, vec![2]), (0, vec![3])]);
        let texts = [vec![1, 2, 3], vec![1, 2, 4, 5], vec![6, 7], vec![]];
        assert_eq!(read(&texts, TurnEnd::Ignored), [(0, vec![1, 2, 4]), (0, vec![6])]);
        assert_eq!(read(&texts, TurnEnd::Scored), [(0, vec![1, 2, 3]), (2, vec![4, 5]), (0, vec![6, 7])]);
    }
}

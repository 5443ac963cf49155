//! Many texts to their vectors: sorted by length, in passes of bounded size.

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};

use super::VECTORS_TENSOR;
use super::bert::Bert;
use super::config::BertConfig;
use super::error::EmbedError;
use super::pooling::{is_unit, pool};
use super::tokenizer::SentenceTokenizer;
use crate::model::{Flow, Totals, with_values};

/// Tokens that one pass may read; a longer text has a pass of its own. Larger passes gain nothing and cost
/// memory.
const PASS_TOKENS: usize = 1024;

/// A BERT, its tokenizer and the length to which it cuts.
#[derive(Debug, Clone)]
pub struct SentenceEncoder {
    bert: Bert,
    tokenizer: SentenceTokenizer,
}

/// The vectors of texts, each of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Width of a vector.
    pub dimensions: usize,
    /// `[texts, dimensions]`
    pub values: Vec<f32>,
    /// Tokens that were read, with the marks around each text.
    pub tokens: u64,
}

impl Vectors {
    /// The vectors in the order of the texts.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.dimensions)
    }

    /// A file with one tensor, [`VECTORS_TENSOR`]: `[texts, dimensions]` of 32-bit floats.
    ///
    /// # Errors
    /// Sizes that do not fit each other.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, SafeTensorError> {
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![self.rows().len(), self.dimensions], &bytes)?;
        safetensors::serialize([(VECTORS_TENSOR, view)], None)
    }
}

/// Watches embedding.
pub trait EmbedObserver {
    /// Called before each pass with the texts that are done and what will have been used after it.
    fn before_pass(&mut self, done: usize, totals: Totals) -> Flow;
}

/// For callers that do not watch.
struct Unwatched;

impl EmbedObserver for Unwatched {
    fn before_pass(&mut self, _: usize, _: Totals) -> Flow {
        Flow::Continue
    }
}

impl SentenceEncoder {
    pub(crate) fn new(bert: Bert, tokenizer: SentenceTokenizer) -> Self {
        Self { bert, tokenizer }
    }

    /// The sizes.
    pub fn config(&self) -> &BertConfig {
        &self.bert.config
    }

    /// The vectors of the texts, in their order. A text that is too long is cut at its end; an empty one has
    /// a vector too. Neither order nor company changes a vector by more than rounding.
    ///
    /// # Errors
    /// A text that cannot be turned into tokens, or a vector that is no number.
    pub fn embed<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vectors, EmbedError> {
        self.run(texts, &mut Unwatched).map(|(vectors, _)| vectors)
    }

    /// As [`Self::embed`], watched; nothing if the observer stopped it.
    ///
    /// # Errors
    /// As [`Self::embed`].
    pub fn embed_watched<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        observer: &mut dyn EmbedObserver,
    ) -> Result<Option<Vectors>, EmbedError> {
        let (vectors, flow) = self.run(texts, observer)?;
        Ok((flow == Flow::Continue).then_some(vectors))
    }

    fn run<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        observer: &mut dyn EmbedObserver,
    ) -> Result<(Vectors, Flow), EmbedError> {
        let tokens = self.tokenizer.encode(texts)?;
        let dimensions = self.bert.config.hidden;
        let values = vec![0.0; texts.len() * dimensions];
        let mut vectors = Vectors { dimensions, values, tokens: 0 };
        let mut done = 0;
        for pass in passes(&tokens) {
            vectors.tokens += pass.iter().map(|index| tokens[*index].len() as u64).sum::<u64>();
            let totals = Totals { prompt_tokens: vectors.tokens, completion_tokens: 0 };
            if observer.before_pass(done, totals) == Flow::Stop {
                return Ok((vectors, Flow::Stop));
            }
            self.pass(&tokens, &pass, &mut vectors)?;
            done += pass.len();
        }
        Ok((vectors, Flow::Continue))
    }

    fn pass(&self, tokens: &[Vec<u32>], pass: &[usize], vectors: &mut Vectors) -> Result<(), EmbedError> {
        let texts: Vec<&[u32]> = pass.iter().map(|index| tokens[*index].as_slice()).collect();
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let width = vectors.dimensions;
        let hidden = self.bert.forward(&texts)?;
        let pooled = with_values(&hidden, |values| pool(values, &lengths, width))?;
        for (index, vector) in pass.iter().zip(pooled.chunks_exact(width)) {
            if !is_unit(vector) {
                return Err(EmbedError::Diverged { index: *index });
            }
            vectors.values[index * width..][..width].copy_from_slice(vector);
        }
        Ok(())
    }
}

/// Places of the texts, longest first, cut into passes. Texts of a pass are about as long, so that its
/// threads are done at the same time; the first passes need the most memory, so a lack of it shows early.
fn passes(tokens: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..tokens.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(tokens[*index].len()));
    let mut passes: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for index in order {
        let length = tokens[index].len();
        match passes.last_mut() {
            Some(pass) if length <= room => pass.push(index),
            _ => {
                passes.push(vec![index]);
                room = PASS_TOKENS;
            }
        }
        room = room.saturating_sub(length);
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_hold_every_text_once_and_not_too_much() {
        let lengths = [2, 700, 3, PASS_TOKENS + 1, 300, 25, 700];
        let tokens: Vec<Vec<u32>> = lengths.iter().map(|length| vec![0; *length]).collect();
        let passes = passes(&tokens);
        assert_eq!(passes, [vec![3], vec![1], vec![6, 4], vec![5, 2, 0]].map(|pass| pass.to_vec()));
    }
}

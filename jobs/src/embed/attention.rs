//! Attention of every token to every token of its own text, for a pass without padding.
//!
//! Work is cut into blocks of queries, so that one long text and thirty short ones both fill all threads.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::model::attention::{mix, score};
use crate::model::config::LANES;
use crate::model::kernels::softmax;

/// Queries of one text that are worked on together.
const BLOCK: usize = 64;

/// What all blocks of one layer share.
pub(crate) struct Attention<'a> {
    pub(crate) hidden: usize,
    pub(crate) head_dim: usize,
    /// Added to the queries: `[hidden]`. The other two biases are not needed, see [`super::weights`].
    pub(crate) query_bias: &'a [f32],
}

/// Some neighbouring queries of one text.
struct Block<'a> {
    /// Of the whole text: `[tokens, 3 * hidden]`.
    qkv: &'a [f32],
    /// Place of the first query in the text.
    first: usize,
    /// `[queries, hidden]`
    output: &'a mut [f32],
}

/// One block as work for the widest vectors. A closure would not do: it may be compiled apart, without them.
struct BlockWork<'a>(&'a Attention<'a>, Block<'a>);

impl WithSimd for BlockWork<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.block::<S>(self.1);
    }
}

impl Attention<'_> {
    /// `qkv`: `[tokens, 3 * hidden]`, queries already scaled, the texts in order with these lengths.
    /// Returns `[tokens, hidden]`.
    pub(crate) fn run(&self, qkv: &[f32], lengths: &[usize]) -> Vec<f32> {
        let mut output = vec![0.0; qkv.len() / 3];
        let blocks = self.blocks(qkv, lengths, &mut output);
        blocks.into_par_iter().for_each(|block| Arch::new().dispatch(BlockWork(self, block)));
        output
    }

    fn blocks<'b>(&self, qkv: &'b [f32], lengths: &[usize], output: &'b mut [f32]) -> Vec<Block<'b>> {
        let mut blocks = Vec::new();
        let (mut qkv, mut output) = (qkv, output);
        for length in lengths {
            let (text, later_texts) = qkv.split_at(length * 3 * self.hidden);
            let (rows, later_rows) = output.split_at_mut(length * self.hidden);
            let parts = rows.chunks_mut(BLOCK * self.hidden).enumerate();
            blocks.extend(parts.map(|(i, output)| Block { qkv: text, first: i * BLOCK, output }));
            (qkv, output) = (later_texts, later_rows);
        }
        blocks
    }

    #[inline(always)]
    fn block<S: Simd>(&self, block: Block<'_>) {
        let size = self.head_dim;
        let (tokens, rows) = (block.qkv.len() / (3 * self.hidden), block.output.len() / self.hidden);
        let padded = tokens.next_multiple_of(LANES);
        let mut queries = vec![0.0; rows * size];
        // Keys past the end stay zero; their scores are cut off before the softmax.
        let mut keys = vec![0.0; size * padded];
        let mut values = vec![0.0; tokens * size];
        let mut scores = vec![0.0; rows * padded];
        let mut mixed = vec![0.0; rows * size];
        for start in (0..self.hidden).step_by(size) {
            self.gather_queries(&block, start, &mut queries);
            self.gather_keys(block.qkv, start, &mut keys, padded);
            self.gather_values(block.qkv, start, &mut values);
            score::<S>(&queries, &keys, padded, size, &mut scores, padded);
            for scores in scores.chunks_exact_mut(padded) {
                let (seen, outside) = scores.split_at_mut(tokens);
                softmax::<S>(seen);
                outside.fill(0.0);
            }
            mix::<S>(&scores, padded, &values, size, &mut mixed);
            let rows = mixed.chunks_exact(size);
            for (output, mixed) in block.output.chunks_exact_mut(self.hidden).zip(rows) {
                output[start..][..size].copy_from_slice(mixed);
            }
        }
    }

    /// One head's queries with their bias: `[queries, head_dim]`.
    #[inline(always)]
    fn gather_queries(&self, block: &Block<'_>, start: usize, queries: &mut [f32]) {
        let bias = &self.query_bias[start..][..self.head_dim];
        let rows = block.qkv.chunks_exact(3 * self.hidden).skip(block.first);
        for (row, target) in rows.zip(queries.chunks_exact_mut(self.head_dim)) {
            for ((target, value), bias) in target.iter_mut().zip(&row[start..]).zip(bias) {
                *target = value + bias;
            }
        }
    }

    /// One head's keys, turned round: `[head_dim, padded]`.
    #[inline(always)]
    fn gather_keys(&self, qkv: &[f32], start: usize, keys: &mut [f32], padded: usize) {
        for (column, row) in qkv.chunks_exact(3 * self.hidden).enumerate() {
            let key = &row[self.hidden + start..][..self.head_dim];
            for (line, value) in keys.chunks_exact_mut(padded).zip(key) {
                line[column] = *value;
            }
        }
    }

    /// One head's values: `[tokens, head_dim]`.
    #[inline(always)]
    fn gather_values(&self, qkv: &[f32], start: usize, values: &mut [f32]) {
        let rows = qkv.chunks_exact(3 * self.hidden);
        for (row, target) in rows.zip(values.chunks_exact_mut(self.head_dim)) {
            target.copy_from_slice(&row[2 * self.hidden + start..][..self.head_dim]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| ((i as f32 + seed) * 12.9898).sin()).collect()
    }

    /// Attention by its formula, one query after another.
    fn reference(attention: &Attention<'_>, qkv: &[f32]) -> Vec<f32> {
        let (hidden, size) = (attention.hidden, attention.head_dim);
        let mut output = Vec::new();
        for row in qkv.chunks_exact(3 * hidden) {
            for start in (0..hidden).step_by(size) {
                let weight = |other: &[f32]| {
                    let dot = |i: usize| (row[i] + attention.query_bias[i]) * other[hidden + i];
                    (start..start + size).map(dot).sum::<f32>().exp()
                };
                let weights: Vec<f32> = qkv.chunks_exact(3 * hidden).map(weight).collect();
                let total: f32 = weights.iter().sum();
                output.extend((start..start + size).map(|i| -> f32 {
                    let values = qkv.chunks_exact(3 * hidden).map(|other| other[2 * hidden + i]);
                    values.zip(&weights).map(|(value, weight)| value * weight / total).sum()
                }));
            }
        }
        output
    }

    #[test]
    fn a_packed_pass_agrees_with_the_formula() {
        let bias = noise(32, 0.3);
        let attention = Attention { hidden: 32, head_dim: 16, query_bias: &bias };
        // One text of several blocks, one that fills its lanes, and one of a single token.
        let lengths = [130, 16, 1];
        let packed = noise(147 * 96, 5.0);
        let output = attention.run(&packed, &lengths);
        let mut expected = Vec::new();
        let mut rest = packed.as_slice();
        for length in lengths {
            let (text, later) = rest.split_at(length * 96);
            expected.extend(reference(&attention, text));
            rest = later;
        }
        assert_eq!(output.len(), expected.len());
        for (a, b) in output.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

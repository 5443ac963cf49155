//! Causal attention with grouped keys over packed sequences. Its gradient is left to
//! [`super::attention_backward`].

use candle_core::{Result, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::product::{Grid, Size, add_product};
use super::tensors::{change, lend, matrix};
use crate::model::kernels::softmax;
use crate::model::rope::Rope;
use crate::model::{LANES, LlamaConfig};

/// Queries that are worked on together: keys after the last of them are left out.
const BLOCK: usize = 48;

/// The sequences that lie one after another in the rows.
pub(crate) struct Attention<'a> {
    pub(crate) config: &'a LlamaConfig,
    pub(crate) rope: &'a Rope,
    /// Rows of each sequence; positions start anew in each.
    pub(crate) lengths: &'a [usize],
}

/// One key head of one sequence, with the query heads that use it.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) first_row: usize,
    pub(super) length: usize,
    pub(super) kv_head: usize,
}

impl Attention<'_> {
    pub(super) fn row_width(&self) -> usize {
        self.config.query_width() + 2 * self.config.kv_width()
    }

    pub(super) fn heads(&self) -> Vec<Head> {
        let mut first_row = 0;
        let mut heads = Vec::new();
        for length in self.lengths {
            heads.extend((0..self.config.kv_heads).map(|kv_head| Head {
                first_row,
                length: *length,
                kv_head,
            }));
            first_row += length;
        }
        heads
    }

    /// `qkv`: `[rows, query_width + 2 * kv_width]`, whose queries and keys are rotated where they lie.
    /// Returns `[rows, query_width]`.
    pub(crate) fn forward(&self, qkv: &Tensor) -> Result<Tensor> {
        change(qkv, |values| self.rotate(values, Rope::rotate))?;
        let qkv = lend(qkv)?;
        let width = self.config.query_width();
        let mut output = vec![0.0; qkv.len() / self.row_width() * width];
        let heads = self.heads();
        let mixed = heads.par_iter().map(|head| Arch::new().dispatch(Forward(self, *head, &qkv)));
        let mixed: Vec<Vec<f32>> = mixed.collect();
        self.gather(&mixed, &mut output, width, |mixed, kv_head, position, row| {
            self.copy_group(mixed, kv_head, position, row);
        });
        matrix(output, width)
    }

    /// The column of a query head of the group.
    pub(super) fn query_at(&self, head: &Head, member: usize) -> usize {
        (head.kv_head * self.config.group() + member) * self.config.head_dim
    }

    /// Puts heads' values side by side into all rows. `copy` copies one head's part of one of its rows.
    pub(super) fn gather<T: Sync>(
        &self,
        heads: &[T],
        rows: &mut [f32],
        width: usize,
        copy: impl Fn(&T, usize, usize, &mut [f32]) + Sync,
    ) {
        let places: Vec<(usize, usize)> = self.places().collect();
        rows.par_chunks_exact_mut(width).zip(places).for_each(|(row, (sequence, position))| {
            let own = &heads[sequence * self.config.kv_heads..][..self.config.kv_heads];
            own.iter().enumerate().for_each(|(kv_head, head)| copy(head, kv_head, position, row));
        });
    }

    /// Sequence and position of each row.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let sequences = self.lengths.iter().enumerate();
        sequences.flat_map(|(sequence, length)| (0..*length).map(move |position| (sequence, position)))
    }

    /// Copies the query heads of a group (`[group, length, head_dim]`) into their columns.
    pub(super) fn copy_group(&self, values: &[f32], kv_head: usize, position: usize, row: &mut [f32]) {
        let (size, group) = (self.config.head_dim, self.config.group());
        let length = values.len() / (group * size);
        let columns = row[kv_head * group * size..][..group * size].chunks_exact_mut(size);
        for (member, target) in columns.enumerate() {
            target.copy_from_slice(&values[(member * length + position) * size..][..size]);
        }
    }

    /// Turns queries and keys of all rows by their positions.
    pub(super) fn rotate(&self, rows: &mut [f32], turn: fn(&Rope, usize, &[f32], &mut [f32])) {
        let (width, size) = (self.row_width(), self.config.head_dim);
        let turned = self.config.query_width() + self.config.kv_width();
        let places: Vec<(usize, usize)> = self.places().collect();
        rows.par_chunks_exact_mut(width).zip(places).for_each(|(row, (_, position))| {
            let mut source = vec![0.0; size];
            for target in row[..turned].chunks_exact_mut(size) {
                source.copy_from_slice(target);
                turn(self.rope, position, &source, target);
            }
        });
    }

    /// One head's columns of the sequence's rows: `[length, head_dim]`.
    pub(super) fn take(
        &self,
        head: &Head,
        rows: &[f32],
        width: usize,
        column: usize,
        factor: f32,
    ) -> Vec<f32> {
        let size = self.config.head_dim;
        let mut taken = Vec::with_capacity(head.length * size);
        for row in rows[head.first_row * width..].chunks_exact(width).take(head.length) {
            taken.extend(row[column..][..size].iter().map(|value| value * factor));
        }
        taken
    }

    /// Queries scaled by one over the square root of their size.
    pub(super) fn queries(&self, head: &Head, member: usize, qkv: &[f32]) -> Vec<f32> {
        self.take(head, qkv, self.row_width(), self.query_at(head, member), self.scale())
    }

    pub(super) fn scale(&self) -> f32 {
        1.0 / (self.config.head_dim as f32).sqrt()
    }

    pub(super) fn keys(&self, head: &Head, qkv: &[f32]) -> Vec<f32> {
        let column = self.config.query_width() + head.kv_head * self.config.head_dim;
        self.take(head, qkv, self.row_width(), column, 1.0)
    }

    pub(super) fn values(&self, head: &Head, qkv: &[f32]) -> Vec<f32> {
        let column = self.config.query_width() + self.config.kv_width() + head.kv_head * self.config.head_dim;
        self.take(head, qkv, self.row_width(), column, 1.0)
    }
}

/// `[rows, width]` turned to `[width, padded]`, with zeros after the rows.
pub(super) fn turned(rows: &[f32], width: usize, padded: usize) -> Vec<f32> {
    let mut turned = vec![0.0; width * padded];
    for (at, row) in rows.chunks_exact(width).enumerate() {
        for (line, value) in turned.chunks_exact_mut(padded).zip(row) {
            line[at] = *value;
        }
    }
    turned
}

/// Some neighbouring queries and the keys that at least one of them sees.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) first: usize,
    pub(super) count: usize,
    /// Keys that the last query sees.
    pub(super) visible: usize,
    /// `visible`, rounded up to whole vectors.
    pub(super) padded: usize,
}

pub(super) fn blocks(length: usize) -> impl Iterator<Item = Block> {
    (0..length).step_by(BLOCK).map(move |first| {
        let count = BLOCK.min(length - first);
        let visible = first + count;
        Block { first, count, visible, padded: visible.next_multiple_of(LANES) }
    })
}

/// The attention weights of a block, `[count, padded]`; zero for keys that a query does not see.
#[inline(always)]
pub(super) fn weights<S: Simd>(
    block: Block,
    queries: &[f32],
    size: usize,
    keys: &[f32],
    width: usize,
) -> Vec<f32> {
    let Block { first, count, padded, .. } = block;
    let mut weights = vec![0.0; count * padded];
    let extents = Size { rows: count, depth: size, columns: padded };
    let queries = Grid::new(&queries[first * size..], size);
    add_product::<S>(extents, queries, keys, width, &mut weights, padded);
    for (row, weights) in weights.chunks_exact_mut(padded).enumerate() {
        let (seen, future) = weights.split_at_mut(first + row + 1);
        softmax::<S>(seen);
        future.fill(0.0);
    }
    weights
}

struct Forward<'a>(&'a Attention<'a>, Head, &'a [f32]);

impl WithSimd for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        let Self(attention, head, qkv) = self;
        let (size, group) = (attention.config.head_dim, attention.config.group());
        let padded = head.length.next_multiple_of(LANES);
        let keys = turned(&attention.keys(&head, qkv), size, padded);
        let values = attention.values(&head, qkv);
        let mut output = vec![0.0; group * head.length * size];
        for (member, output) in output.chunks_exact_mut(head.length * size).enumerate() {
            let queries = attention.queries(&head, member, qkv);
            for block in blocks(head.length) {
                let weights = weights::<S>(block, &queries, size, &keys, padded);
                let extents = Size { rows: block.count, depth: block.visible, columns: size };
                let output = &mut output[block.first * size..];
                add_product::<S>(extents, Grid::new(&weights, block.padded), &values, size, output, size);
            }
        }
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tiny;

    fn noise(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| ((i as f32 + seed) * 12.9898).sin()).collect()
    }

    /// The sum of the attention's outputs weighted by `pull`, by the formula in 64 bits.
    fn reference(attention: &Attention<'_>, qkv: &[f32], pull: &[f32]) -> f64 {
        let c = attention.config;
        let (size, width) = (c.head_dim, attention.row_width());
        let mut rotated = qkv.to_vec();
        attention.rotate(&mut rotated, Rope::rotate);
        let at = |row: usize, column: usize| f64::from(rotated[row * width + column]);
        let mut total = 0.0;
        let mut first = 0;
        for length in attention.lengths {
            for (row, head) in (first..first + length).flat_map(|row| (0..c.heads).map(move |h| (row, h))) {
                let kv = c.query_width() + head / c.group() * size;
                let score = |key: usize| {
                    let dot: f64 = (0..size).map(|i| at(row, head * size + i) * at(key, kv + i)).sum();
                    (dot / (size as f64).sqrt()).exp()
                };
                let weights: Vec<f64> = (first..=row).map(score).collect();
                let sum: f64 = weights.iter().sum();
                for i in 0..size {
                    let values = weights.iter().enumerate();
                    let mixed: f64 = values.map(|(k, w)| w * at(first + k, kv + c.kv_width() + i)).sum();
                    total += mixed / sum * f64::from(pull[row * c.query_width() + head * size + i]);
                }
            }
            first += length;
        }
        total
    }

    #[test]
    fn output_and_gradient_agree_with_the_formula() {
        let config = tiny::config();
        let rope = Rope::new(&config, None, 128);
        let attention = Attention { config: &config, rope: &rope, lengths: &[53, 1, 7] };
        let width = attention.row_width();
        let plain = noise(61 * width, 2.0);
        let pull = noise(61 * config.query_width(), 9.0);
        let qkv = matrix(plain.clone(), width).unwrap();
        let output = attention.forward(&qkv).unwrap();
        let dot: f64 = lend(&output).unwrap().iter().zip(&pull).map(|(a, b)| f64::from(a * b)).sum();
        let expected = reference(&attention, &plain, &pull);
        assert!((dot - expected).abs() < 1e-3, "{dot} {expected}");

        let pulls = matrix(pull.clone(), config.query_width()).unwrap();
        let gradient = attention.backward(&qkv, &output, &pulls).unwrap();
        let gradient = lend(&gradient).unwrap();
        for index in [0, 40, 70, 100, 52 * width + 3, 50 * width + 90, 53 * width + 110, 57 * width + 75] {
            let moved = |by: f32| {
                let mut values = plain.clone();
                values[index] += by;
                (reference(&attention, &values, &pull), f64::from(values[index]))
            };
            let ((more, above), (less, below)) = (moved(1e-2), moved(-1e-2));
            let slope = (more - less) / (above - below);
            assert!(
                (slope - f64::from(gradient[index])).abs() < 2e-3,
                "{index}: {slope} {}",
                gradient[index]
            );
        }
    }
}

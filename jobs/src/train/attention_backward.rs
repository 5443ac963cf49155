//! The gradient of [`super::attention`].
//!
//! Weights are computed again: kept, they would take more memory than everything else.

use std::ops::Range;

use candle_core::{Result, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::attention::{Attention, Block, Head, blocks, turned, weights};
use super::product::{Grid, Size, add_product, dot};
use super::tensors::{lend, matrix};
use crate::model::LANES;
use crate::model::rope::Rope;

/// Gradients of one [`Head`], each query head's rows one after another.
struct HeadGradient {
    /// `[group, length, head_dim]`
    queries: Vec<f32>,
    /// `[length, head_dim]`
    keys: Vec<f32>,
    /// `[length, head_dim]`
    values: Vec<f32>,
}

impl Attention<'_> {
    /// The gradient of `qkv` before its rotation. `qkv` and `output` are those that [`Self::forward`] left.
    pub(crate) fn backward(&self, qkv: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Tensor> {
        let (qkv, output, gradient) = (lend(qkv)?, lend(output)?, lend(gradient)?);
        let mut result = vec![0.0; qkv.len()];
        let heads = self.heads();
        let gradients = heads.par_iter().map(|head| {
            let work =
                Backward { attention: self, head: *head, qkv: &qkv, output: &output, gradient: &gradient };
            Arch::new().dispatch(work)
        });
        let gradients: Vec<HeadGradient> = gradients.collect();
        let size = self.config.head_dim;
        let (key_at, kv_width) = (self.config.query_width(), self.config.kv_width());
        self.gather(&gradients, &mut result, self.row_width(), |own, kv_head, position, row| {
            self.copy_group(&own.queries, kv_head, position, row);
            let (keys, values) = row[key_at..].split_at_mut(kv_width);
            let (column, own_at) = (kv_head * size, position * size);
            keys[column..][..size].copy_from_slice(&own.keys[own_at..][..size]);
            values[column..][..size].copy_from_slice(&own.values[own_at..][..size]);
        });
        self.rotate(&mut result, rotate_back);
        matrix(result, self.row_width())
    }
}

/// The inverse of [`Rope::rotate`]: a turn by the negative angle is a turn with the halves exchanged.
fn rotate_back(rope: &Rope, position: usize, source: &[f32], target: &mut [f32]) {
    let half = source.len() / 2;
    let mut exchanged = source.to_vec();
    exchanged.rotate_left(half);
    rope.rotate(position, &exchanged, target);
    target.rotate_left(half);
}

struct Backward<'a> {
    attention: &'a Attention<'a>,
    head: Head,
    qkv: &'a [f32],
    output: &'a [f32],
    gradient: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = HeadGradient;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> HeadGradient {
        let (attention, head) = (self.attention, self.head);
        let (size, group) = (attention.config.head_dim, attention.config.group());
        let (keys, values) = (attention.keys(&head, self.qkv), attention.values(&head, self.qkv));
        let padded = head.length.next_multiple_of(LANES);
        let (turned_keys, turned_values) = (turned(&keys, size, padded), turned(&values, size, padded));
        let mut result = HeadGradient {
            queries: vec![0.0; group * head.length * size],
            keys: vec![0.0; head.length * size],
            values: vec![0.0; head.length * size],
        };
        for member in 0..group {
            let width = attention.config.query_width();
            let column = attention.query_at(&head, member);
            let member_work = Member {
                size,
                padded,
                keys: &keys,
                turned_keys: &turned_keys,
                turned_values: &turned_values,
                queries: &attention.queries(&head, member, self.qkv),
                output: &attention.take(&head, self.output, width, column, 1.0),
                gradient: &attention.take(&head, self.gradient, width, column, 1.0),
            };
            let range = member * head.length * size..(member + 1) * head.length * size;
            for block in blocks(head.length) {
                member_work.block::<S>(block, &mut result, range.clone());
            }
        }
        result.queries.iter_mut().for_each(|value| *value *= attention.scale());
        result
    }
}

/// One query head against its key head.
struct Member<'a> {
    size: usize,
    padded: usize,
    keys: &'a [f32],
    turned_keys: &'a [f32],
    turned_values: &'a [f32],
    queries: &'a [f32],
    output: &'a [f32],
    gradient: &'a [f32],
}

impl Member<'_> {
    #[inline(always)]
    fn block<S: Simd>(&self, block: Block, result: &mut HeadGradient, queries: Range<usize>) {
        let Block { first, count, visible, padded } = block;
        let size = self.size;
        let weights = weights::<S>(block, self.queries, size, self.turned_keys, self.padded);
        let scores = self.score_gradient::<S>(block, &weights);
        let to_keys = Size { rows: visible, depth: count, columns: size };
        let own_queries = &self.queries[first * size..];
        add_product::<S>(to_keys, Grid::turned(&scores, padded), own_queries, size, &mut result.keys, size);
        let own_gradient = &self.gradient[first * size..];
        add_product::<S>(
            to_keys,
            Grid::turned(&weights, padded),
            own_gradient,
            size,
            &mut result.values,
            size,
        );
        let to_queries = Size { rows: count, depth: visible, columns: size };
        let target = &mut result.queries[queries][first * size..];
        add_product::<S>(to_queries, Grid::new(&scores, padded), self.keys, size, target, size);
    }

    /// The gradient of the scores before the softmax, `[count, padded]`.
    #[inline(always)]
    fn score_gradient<S: Simd>(&self, block: Block, weights: &[f32]) -> Vec<f32> {
        let Block { first, count, padded, .. } = block;
        let size = self.size;
        let (gradient, output) = (&self.gradient[first * size..], &self.output[first * size..]);
        let mut scores = vec![0.0; count * padded];
        let extents = Size { rows: count, depth: size, columns: padded };
        let left = Grid::new(gradient, size);
        add_product::<S>(extents, left, self.turned_values, self.padded, &mut scores, padded);
        let rows = gradient.chunks_exact(size).zip(output.chunks_exact(size));
        let lines = scores.chunks_exact_mut(padded).zip(weights.chunks_exact(padded));
        for ((scores, weights), (gradient, output)) in lines.zip(rows) {
            let mean = dot::<S>(gradient, output);
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score = (*score - mean) * weight;
            }
        }
        scores
    }
}

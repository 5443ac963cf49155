//! Causal attention with grouped keys over caches, for a batch without padding.
//!
//! Tokens of all sequences lie one after another; each sequence has its own cache. Work is cut into blocks
//! of queries, so that one long prompt and thirty single tokens both fill all threads.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::config::{LANES, LlamaConfig};
use super::error::ModelError;
use super::kernels::{multiply_add as fused, softmax};
use super::kv_cache::HostMemory;
use super::llama::Segment;
use super::rope::Rope;

/// Queries of one sequence that are worked on together.
const BLOCK: usize = 16;
/// Keys, or columns of values, that few queries take at a time: sums enough to hide how long one takes.
const WIDE: usize = 2 * LANES;

/// What all blocks of one layer share.
pub(crate) struct Attention<'a> {
    pub(crate) config: &'a LlamaConfig,
    pub(crate) rope: &'a Rope,
    pub(crate) layer: usize,
}

/// Some neighbouring queries of one sequence, for some key heads.
struct Block<'a> {
    cache: &'a HostMemory,
    /// `[queries, query_width + 2 * kv_width]`
    qkv: &'a [f32],
    /// Position of the first query.
    first: usize,
    heads: Range<usize>,
    /// `[queries, heads * group * head_dim]`
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
    /// `qkv`: `[tokens, query_width + 2 * kv_width]`, the tokens of all segments in order.
    /// Returns `[tokens, query_width]`. The caches get the new keys and values, but not yet their length.
    ///
    /// # Errors
    /// A cache that a network on a device wrote to.
    pub(crate) fn run(&self, qkv: &[f32], segments: &mut [Segment<'_>]) -> Result<Vec<f32>, ModelError> {
        self.store(qkv, segments)?;
        let width = self.config.query_width();
        let mut output = vec![0.0; qkv.len() / self.row_width() * width];
        let blocks = self.blocks(qkv, segments, &mut output)?;
        blocks.into_par_iter().for_each(|block| Arch::new().dispatch(BlockWork(self, block)));
        Ok(output)
    }

    fn row_width(&self) -> usize {
        self.config.query_width() + 2 * self.config.kv_width()
    }

    /// Puts rotated keys and values into the caches.
    fn store(&self, qkv: &[f32], segments: &mut [Segment<'_>]) -> Result<(), ModelError> {
        let mut rest = qkv;
        let mut work = Vec::with_capacity(segments.len());
        for segment in segments {
            let (rows, after) = rest.split_at(segment.tokens.len() * self.row_width());
            work.push((rows, segment.cache.len(), segment.cache.host_mut()?));
            rest = after;
        }
        work.into_par_iter().for_each(|(rows, first, memory)| self.store_segment(rows, first, memory));
        Ok(())
    }

    fn store_segment(&self, rows: &[f32], first: usize, memory: &mut HostMemory) {
        let size = self.config.head_dim;
        let mut rotated = vec![0.0; size];
        for (offset, row) in rows.chunks_exact(self.row_width()).enumerate() {
            let position = first + offset;
            let (keys, values) = row[self.config.query_width()..].split_at(self.config.kv_width());
            let heads = keys.chunks_exact(size).zip(values.chunks_exact(size));
            for (head, (key, value)) in heads.enumerate() {
                self.rope.rotate(position, key, &mut rotated);
                memory.write(self.layer, head, position, &rotated, value);
            }
        }
    }

    fn blocks<'b>(
        &self,
        qkv: &'b [f32],
        segments: &'b [Segment<'_>],
        output: &'b mut [f32],
    ) -> Result<Vec<Block<'b>>, ModelError> {
        let (width, row_width) = (self.config.query_width(), self.row_width());
        let heads = self.config.kv_heads;
        // Single tokens of few sequences fill the threads only head by head.
        let apart = if segments.len() < 2 * rayon::current_num_threads() { heads } else { 1 };
        let mut blocks = Vec::new();
        let (mut qkv, mut output) = (qkv, output);
        for segment in segments {
            let cache = segment.cache.host()?;
            let mut first = segment.cache.len();
            let end = first + segment.tokens.len();
            while first < end {
                let count = BLOCK.min(end - first);
                let (rows, later_rows) = qkv.split_at(count * row_width);
                let (here, later_output) = output.split_at_mut(count * width);
                let parts = if count == 1 { apart } else { 1 };
                for (part, output) in here.chunks_exact_mut(count * width / parts).enumerate() {
                    let heads = part * heads / parts..(part + 1) * heads / parts;
                    blocks.push(Block { cache, qkv: rows, first, heads, output });
                }
                (qkv, output) = (later_rows, later_output);
                first += count;
            }
        }
        Ok(blocks)
    }

    #[inline(always)]
    fn block<S: Simd>(&self, block: Block<'_>) {
        let (size, group) = (self.config.head_dim, self.config.group());
        let rows = block.qkv.len() / self.row_width() * group;
        let visible = block.first + rows / group;
        let padded = visible.next_multiple_of(LANES);
        let mut queries = vec![0.0; rows * size];
        let mut scores = vec![0.0; rows * padded];
        let mut mixed = vec![0.0; rows * size];
        let width = block.heads.len() * group * size;
        for (place, kv_head) in block.heads.clone().enumerate() {
            let (keys, values) = block.cache.head(self.layer, kv_head);
            self.gather(&block, kv_head, &mut queries);
            score::<S>(&queries, keys, block.cache.capacity(), size, &mut scores, padded);
            for (row, scores) in scores.chunks_exact_mut(padded).enumerate() {
                let (seen, future) = scores.split_at_mut(block.first + row / group + 1);
                softmax::<S>(seen);
                future.fill(0.0);
            }
            mix::<S>(&scores, padded, &values[..visible * size], size, &mut mixed);
            let rows = mixed.chunks_exact(group * size);
            for (output, mixed) in block.output.chunks_exact_mut(width).zip(rows) {
                output[place * group * size..][..group * size].copy_from_slice(mixed);
            }
        }
    }

    /// Rotated and scaled queries that use this key head: `[queries * group, head_dim]`.
    #[inline(always)]
    fn gather(&self, block: &Block<'_>, kv_head: usize, queries: &mut [f32]) {
        let (size, group) = (self.config.head_dim, self.config.group());
        let scale = 1.0 / (size as f32).sqrt();
        let rows = block.qkv.chunks_exact(self.row_width());
        for (offset, (row, targets)) in rows.zip(queries.chunks_exact_mut(group * size)).enumerate() {
            let heads = row[kv_head * group * size..].chunks_exact(size);
            for (query, target) in heads.zip(targets.chunks_exact_mut(size)) {
                self.rope.rotate(block.first + offset, query, target);
                target.iter_mut().for_each(|value| *value *= scale);
            }
        }
    }
}

/// `scores[row, key] = queries[row] . keys[key]`, for `padded` keys, a multiple of [`LANES`].
///
/// `queries`: `[rows, size]`; `keys`: `[size, capacity]`; `scores`: `[rows, padded]`.
#[inline(always)]
pub(crate) fn score<S: Simd>(
    queries: &[f32],
    keys: &[f32],
    capacity: usize,
    size: usize,
    scores: &mut [f32],
    padded: usize,
) {
    let rows = queries.len() / size;
    let mut at = 0;
    while at < padded {
        let wide = rows <= 3 && padded - at >= WIDE;
        let mut row = 0;
        while row < rows {
            let (queries, scores) = (&queries[row * size..], &mut scores[row * padded + at..]);
            let keys = &keys[at..];
            row += match (rows - row, wide) {
                (3.., true) => score_tile::<S, 3, WIDE>(queries, keys, capacity, size, scores, padded),
                (_, true) => score_tile::<S, 1, WIDE>(queries, keys, capacity, size, scores, padded),
                (6.., _) => score_tile::<S, 6, LANES>(queries, keys, capacity, size, scores, padded),
                (3.., _) => score_tile::<S, 3, LANES>(queries, keys, capacity, size, scores, padded),
                _ => score_tile::<S, 1, LANES>(queries, keys, capacity, size, scores, padded),
            };
        }
        at += if wide { WIDE } else { LANES };
    }
}

/// `ROWS` queries against `WIDTH` keys, sums held in registers. Returns `ROWS`.
#[inline(always)]
fn score_tile<S: Simd, const ROWS: usize, const WIDTH: usize>(
    queries: &[f32],
    keys: &[f32],
    capacity: usize,
    size: usize,
    scores: &mut [f32],
    padded: usize,
) -> usize {
    let mut sums = [[0.0f32; WIDTH]; ROWS];
    let queries: [&[f32]; ROWS] = std::array::from_fn(|row| &queries[row * size..][..size]);
    for (i, line) in keys.chunks(capacity).take(size).enumerate() {
        multiply_add::<S, ROWS, WIDTH>(&mut sums, std::array::from_fn(|row| queries[row][i]), line);
    }
    for (row, sums) in sums.iter().enumerate() {
        scores[row * padded..][..WIDTH].copy_from_slice(sums);
    }
    ROWS
}

/// `mixed[row] = sum over keys of weights[row, key] * values[key]`.
///
/// `weights`: `[rows, padded]`; `values`: `[keys, size]`; `mixed`: `[rows, size]`.
#[inline(always)]
pub(crate) fn mix<S: Simd>(weights: &[f32], padded: usize, values: &[f32], size: usize, mixed: &mut [f32]) {
    let rows = mixed.len() / size;
    let mut at = 0;
    while at < size {
        let wide = rows <= 3 && size - at >= WIDE;
        let mut row = 0;
        while row < rows {
            let (weights, mixed) = (&weights[row * padded..], &mut mixed[row * size + at..]);
            row += match (rows - row, wide) {
                (3.., true) => mix_tile::<S, 3, WIDE>(weights, padded, values, at, size, mixed),
                (_, true) => mix_tile::<S, 1, WIDE>(weights, padded, values, at, size, mixed),
                (6.., _) => mix_tile::<S, 6, LANES>(weights, padded, values, at, size, mixed),
                (3.., _) => mix_tile::<S, 3, LANES>(weights, padded, values, at, size, mixed),
                _ => mix_tile::<S, 1, LANES>(weights, padded, values, at, size, mixed),
            };
        }
        at += if wide { WIDE } else { LANES };
    }
}

/// `ROWS` rows of weights against `WIDTH` columns of the values. Returns `ROWS`.
#[inline(always)]
fn mix_tile<S: Simd, const ROWS: usize, const WIDTH: usize>(
    weights: &[f32],
    padded: usize,
    values: &[f32],
    at: usize,
    size: usize,
    mixed: &mut [f32],
) -> usize {
    let mut sums = [[0.0f32; WIDTH]; ROWS];
    let weights: [&[f32]; ROWS] = std::array::from_fn(|row| &weights[row * padded..][..padded]);
    for (i, line) in values.chunks_exact(size).enumerate() {
        multiply_add::<S, ROWS, WIDTH>(&mut sums, std::array::from_fn(|row| weights[row][i]), &line[at..]);
    }
    for (row, sums) in sums.iter().enumerate() {
        mixed[row * size..][..WIDTH].copy_from_slice(sums);
    }
    ROWS
}

/// `sums[row] += factors[row] * line`, over registers' widths.
#[inline(always)]
fn multiply_add<S: Simd, const ROWS: usize, const WIDTH: usize>(
    sums: &mut [[f32; WIDTH]; ROWS],
    factors: [f32; ROWS],
    line: &[f32],
) {
    let line = &line[..WIDTH];
    for (sums, factor) in sums.iter_mut().zip(factors) {
        for (sum, value) in sums.iter_mut().zip(line) {
            *sum = fused::<S>(factor, *value, *sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kv_cache::KvCache;
    use crate::model::tiny;

    fn noise(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| ((i as f32 + seed) * 12.9898).sin()).collect()
    }

    /// Attention by its formula, one query after another.
    fn reference(attention: &Attention<'_>, qkv: &[f32]) -> Vec<f32> {
        let c = attention.config;
        let (size, width) = (c.head_dim, attention.row_width());
        let rotate = |position: usize, source: &[f32]| {
            let mut target = vec![0.0; size];
            attention.rope.rotate(position, source, &mut target);
            target
        };
        let mut output = Vec::new();
        for (t, row) in qkv.chunks_exact(width).enumerate() {
            for head in 0..c.heads {
                let kv = head / c.group();
                let query = rotate(t, &row[head * size..][..size]);
                let key_at = c.query_width() + kv * size;
                let mut weights: Vec<f32> = (0..=t)
                    .map(|j| {
                        let key = rotate(j, &qkv[j * width + key_at..][..size]);
                        let dot: f32 = query.iter().zip(&key).map(|(a, b)| a * b).sum();
                        (dot / (size as f32).sqrt()).exp()
                    })
                    .collect();
                let total: f32 = weights.iter().sum();
                weights.iter_mut().for_each(|w| *w /= total);
                let value_at = key_at + c.kv_width();
                output.extend((0..size).map(|i| -> f32 {
                    weights.iter().enumerate().map(|(j, w)| w * qkv[j * width + value_at + i]).sum()
                }));
            }
        }
        output
    }

    fn assert_close(left: &[f32], right: &[f32]) {
        assert_eq!(left.len(), right.len());
        for (a, b) in left.iter().zip(right) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn a_batch_in_pieces_agrees_with_the_formula() {
        let config = tiny::config();
        let rope = Rope::new(&config, None, 64);
        let attention = Attention { config: &config, rope: &rope, layer: 1 };
        let width = attention.row_width();
        let (long, short) = (noise(37 * width, 1.0), noise(5 * width, 7.0));
        let mut caches = [KvCache::new(&config, 37), KvCache::new(&config, 5)];
        let [first, second] = &mut caches;
        let tokens = [0u32; 37];
        let mut packed = long[..36 * width].to_vec();
        packed.extend(&short[..4 * width]);
        let mut segments = [
            Segment { tokens: &tokens[..36], cache: first, adapter: None },
            Segment { tokens: &tokens[..4], cache: second, adapter: None },
        ];
        let start = attention.run(&packed, &mut segments).unwrap();
        segments.iter_mut().for_each(|s| s.cache.advance(s.tokens.len()));
        segments.iter_mut().for_each(|s| s.tokens = &tokens[..1]);
        let last = [&long[36 * width..], &short[4 * width..]].concat();
        let end = attention.run(&last, &mut segments).unwrap();
        let out = config.query_width();
        assert_close(&[&start[..36 * out], &end[..out]].concat(), &reference(&attention, &long));
        assert_close(&[&start[36 * out..], &end[out..]].concat(), &reference(&attention, &short));
    }
}

//! Keys and values in main memory, laid out for the hand-written loops.

use std::ops::Range;

use super::Sizes;

/// The keys and values of all layers, in memory that is reserved once.
///
/// Keys lie as `[layer, kv_head, head_dim, capacity]`, so that one query meets neighbouring keys in
/// neighbouring memory; values lie as `[layer, kv_head, capacity, head_dim]`.
#[derive(Debug, Clone)]
pub(crate) struct HostMemory {
    keys: Vec<f32>,
    values: Vec<f32>,
    head_dim: usize,
    kv_heads: usize,
    capacity: usize,
}

impl HostMemory {
    pub(super) fn new(sizes: Sizes, capacity: usize) -> Self {
        let size = sizes.layers * sizes.kv_heads * sizes.head_dim * capacity;
        Self {
            keys: vec![0.0; size],
            values: vec![0.0; size],
            head_dim: sizes.head_dim,
            kv_heads: sizes.kv_heads,
            capacity,
        }
    }

    /// Positions that have room.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Copies the source's keys and values of these positions.
    pub(super) fn copy(&mut self, source: &Self, positions: Range<usize>) {
        let (from, to) =
            (source.keys.chunks_exact(source.capacity), self.keys.chunks_exact_mut(self.capacity));
        for (from, to) in from.zip(to) {
            to[positions.clone()].copy_from_slice(&from[positions.clone()]);
        }
        let size = self.head_dim;
        let values = positions.start * size..positions.end * size;
        let from = source.values.chunks_exact(source.capacity * size);
        for (from, to) in from.zip(self.values.chunks_exact_mut(self.capacity * size)) {
            to[values.clone()].copy_from_slice(&from[values.clone()]);
        }
    }

    /// Writes one position's key and value.
    #[inline(always)]
    pub(crate) fn write(
        &mut self,
        layer: usize,
        kv_head: usize,
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let block = (layer * self.kv_heads + kv_head) * self.capacity * self.head_dim;
        let keys = &mut self.keys[block..][..self.capacity * self.head_dim];
        for (line, value) in keys.chunks_exact_mut(self.capacity).zip(key) {
            line[position] = *value;
        }
        let start = block + position * self.head_dim;
        self.values[start..][..self.head_dim].copy_from_slice(value);
    }

    /// Keys (`[head_dim, capacity]`) and values (`[capacity, head_dim]`) of one head.
    #[inline(always)]
    pub(crate) fn head(&self, layer: usize, kv_head: usize) -> (&[f32], &[f32]) {
        let size = self.capacity * self.head_dim;
        let block = (layer * self.kv_heads + kv_head) * size;
        (&self.keys[block..][..size], &self.values[block..][..size])
    }
}

//! Keys and values of one sequence, in memory that is reserved once.

use super::config::{LANES, LlamaConfig};

/// The keys and values that a sequence has so far, for all layers.
///
/// Keys lie as `[layer, kv_head, head_dim, capacity]`, so that one query meets neighbouring keys in
/// neighbouring memory; values lie as `[layer, kv_head, capacity, head_dim]`.
#[derive(Debug, Clone)]
pub struct KvCache {
    keys: Vec<f32>,
    values: Vec<f32>,
    head_dim: usize,
    kv_heads: usize,
    capacity: usize,
    length: usize,
}

impl KvCache {
    /// Room for at least `positions` tokens.
    pub fn new(config: &LlamaConfig, positions: usize) -> Self {
        let capacity = positions.max(1).next_multiple_of(LANES);
        let size = config.layers * config.kv_width() * capacity;
        Self {
            keys: vec![0.0; size],
            values: vec![0.0; size],
            head_dim: config.head_dim,
            kv_heads: config.kv_heads,
            capacity,
            length: 0,
        }
    }

    /// Tokens that are in.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no token is in.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Tokens that have room.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// A cache with room for `positions` tokens that begins with this one's: how a cache gets more room.
    pub fn fork(&self, config: &LlamaConfig, positions: usize) -> Self {
        let mut fork = Self::new(config, positions.max(self.length));
        fork.extend_from(self, self.length);
        fork
    }

    /// Forgets all tokens but the first `length`.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Takes over the source's keys and values from where this cache ends up to `end`: how a beginning that
    /// two sequences share is computed once. Both must come from one model, agree in the tokens that this
    /// one holds, and have room for `end` tokens.
    pub(crate) fn extend_from(&mut self, source: &Self, end: usize) {
        let start = self.length;
        let (from, to) =
            (source.keys.chunks_exact(source.capacity), self.keys.chunks_exact_mut(self.capacity));
        for (from, to) in from.zip(to) {
            to[start..end].copy_from_slice(&from[start..end]);
        }
        let size = self.head_dim;
        let from = source.values.chunks_exact(source.capacity * size);
        for (from, to) in from.zip(self.values.chunks_exact_mut(self.capacity * size)) {
            to[start * size..end * size].copy_from_slice(&from[start * size..end * size]);
        }
        self.length = end;
    }

    /// Counts tokens as present, after all layers have written them.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
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

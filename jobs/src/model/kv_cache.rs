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
        let capacity = positions.next_multiple_of(LANES);
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

    /// A cache with more room that begins with this one's tokens: how a shared beginning is used again.
    pub fn fork(&self, config: &LlamaConfig, positions: usize) -> Self {
        let mut fork = Self::new(config, positions.max(self.length));
        let lines = self.keys.len() / self.capacity.max(1);
        for line in 0..lines {
            let source = &self.keys[line * self.capacity..][..self.length];
            fork.keys[line * fork.capacity..][..self.length].copy_from_slice(source);
        }
        let (from, to) = (self.capacity * self.head_dim, fork.capacity * self.head_dim);
        let used = self.length * self.head_dim;
        for block in 0..self.values.len() / from.max(1) {
            let source = &self.values[block * from..][..used];
            fork.values[block * to..][..used].copy_from_slice(source);
        }
        fork.length = self.length;
        fork
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

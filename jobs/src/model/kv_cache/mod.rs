//! Keys and values of one sequence, wherever its network computes.

mod device;
mod host;

pub(crate) use device::KeysValues;
pub(crate) use host::HostMemory;

use device::DeviceMemory;

use super::config::{LANES, LlamaConfig};
use super::error::ModelError;

/// The keys and values that a sequence has so far, for all layers.
#[derive(Debug, Clone)]
pub struct KvCache {
    memory: Memory,
    sizes: Sizes,
    capacity: usize,
    length: usize,
}

/// Which network wrote into the cache.
#[derive(Debug, Clone)]
enum Memory {
    /// None yet.
    Unused,
    Host(HostMemory),
    Device(DeviceMemory),
}

#[derive(Debug, Clone, Copy)]
struct Sizes {
    layers: usize,
    kv_heads: usize,
    head_dim: usize,
}

impl KvCache {
    /// Room for at least `positions` tokens. Memory is reserved by the first network that writes.
    pub fn new(config: &LlamaConfig, positions: usize) -> Self {
        Self {
            memory: Memory::Unused,
            sizes: Sizes { layers: config.layers, kv_heads: config.kv_heads, head_dim: config.head_dim },
            capacity: positions.max(1).next_multiple_of(LANES),
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
        match (&mut self.memory, &source.memory) {
            (_, Memory::Unused) => {}
            (Memory::Host(own), Memory::Host(source)) => own.copy(source, self.length..end),
            (own, Memory::Host(source)) => {
                let mut memory = HostMemory::new(self.sizes, self.capacity);
                memory.copy(source, 0..end);
                *own = Memory::Host(memory);
            }
            (own, Memory::Device(source)) => *own = Memory::Device(source.clone()),
        }
        self.length = end;
    }

    /// Counts tokens as present, after all layers have written them.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }

    /// Main memory that has been written to.
    ///
    /// # Errors
    /// Another kind of network wrote into the cache, or none.
    pub(crate) fn host(&self) -> Result<&HostMemory, ModelError> {
        match &self.memory {
            Memory::Host(memory) => Ok(memory),
            Memory::Unused | Memory::Device(_) => Err(ModelError::OtherMemory),
        }
    }

    /// Main memory to write to.
    ///
    /// # Errors
    /// A network on a device wrote into the cache.
    pub(crate) fn host_mut(&mut self) -> Result<&mut HostMemory, ModelError> {
        if let Memory::Unused = self.memory {
            self.memory = Memory::Host(HostMemory::new(self.sizes, self.capacity));
        }
        match &mut self.memory {
            Memory::Host(memory) => Ok(memory),
            Memory::Unused | Memory::Device(_) => Err(ModelError::OtherMemory),
        }
    }

    /// Puts new keys and values (each `[kv_heads, tokens, head_dim]`) of a layer behind those of the tokens
    /// that are in, and returns them all.
    ///
    /// # Errors
    /// A network in main memory wrote into the cache, or the device's memory is full.
    pub(crate) fn append(&mut self, layer: usize, new: KeysValues) -> Result<KeysValues, ModelError> {
        if let Memory::Unused = self.memory {
            self.memory = Memory::Device(DeviceMemory::new(self.sizes.layers));
        }
        match &mut self.memory {
            Memory::Device(memory) => Ok(memory.append(layer, self.length, new)?),
            Memory::Unused | Memory::Host(_) => Err(ModelError::OtherMemory),
        }
    }
}

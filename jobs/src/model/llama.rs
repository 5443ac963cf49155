//! The Llama network (Touvron et al. 2023): new tokens of several sequences in, logits of chosen positions out.

use candle_core::{CpuStorage, Device, Storage, Tensor};

use super::adapter::Adapter;
use super::config::LlamaConfig;
use super::device::DeviceNetwork;
use super::error::ModelError;
use super::host::HostNetwork;
use super::kv_cache::KvCache;

/// The new tokens of one sequence, and what it has read so far.
pub struct Segment<'a> {
    /// At least one token.
    pub tokens: &'a [u32],
    /// Must have room for the tokens, and be written to by this network alone.
    pub cache: &'a mut KvCache,
    /// Changes what the network answers to these tokens. Must lie where the network does.
    pub adapter: Option<&'a Adapter>,
}

/// A Llama with its weights in memory. Clones share them.
#[derive(Debug, Clone)]
pub struct Llama {
    pub(crate) network: Network,
}

/// How it computes.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    /// In hand-written loops over main memory.
    Host(HostNetwork),
    /// In the tensor library's operations, where its tensors lie.
    Device(DeviceNetwork),
}

impl Llama {
    /// The sizes.
    pub fn config(&self) -> &LlamaConfig {
        match &self.network {
            Network::Host(network) => &network.config,
            Network::Device(network) => network.config(),
        }
    }

    /// The same network in the tensor library's own operations, with its weights on this device as 32-bit
    /// floats. On [`Device::Cpu`] it is slower than the loops that [`super::load`] gives, and there to be
    /// compared with them.
    ///
    /// # Errors
    /// The network is on a device already, or the device's memory is too small.
    pub fn onto(self, device: &Device) -> Result<Self, ModelError> {
        match self.network {
            Network::Host(network) => {
                let network = DeviceNetwork::new(network, device)?;
                Ok(Self { network: Network::Device(network) })
            }
            Network::Device(_) => {
                let found = "on a device already".to_owned();
                Err(ModelError::Setting { name: "network", found, expected: "a network in main memory" })
            }
        }
    }

    /// Where weights and adapters lie.
    pub fn device(&self) -> &Device {
        match &self.network {
            Network::Host(_) => &Device::Cpu,
            Network::Device(network) => network.device(),
        }
    }

    /// Reads the segments' tokens and returns the logits after each segment's last token:
    /// `[segments, vocabulary]`, in main memory. The caches grow by the tokens.
    ///
    /// # Errors
    /// A cache without room or of another network, a token outside the vocabulary, or a failure of the tensor
    /// library.
    pub fn forward(&self, segments: &mut [Segment<'_>]) -> Result<Tensor, ModelError> {
        self.check(segments)?;
        self.forward_at(segments, &last_positions(segments))
    }

    /// Reads the segments' tokens and returns the logits after those at `wanted`: `[wanted, vocabulary]`, in
    /// main memory, so that the last block and the head work for these alone. `wanted` counts the tokens of
    /// all segments in order, from 0, and may be empty. The caches grow by the tokens.
    ///
    /// # Errors
    /// As [`Self::forward`], and a wanted position beyond the tokens.
    pub fn forward_at(&self, segments: &mut [Segment<'_>], wanted: &[u32]) -> Result<Tensor, ModelError> {
        self.check(segments)?;
        let logits = match &self.network {
            // From inside the pool, the many small parallel parts of a pass need no way into it and out again.
            Network::Host(network) => rayon::scope(|_| network.pass(segments, wanted))?,
            Network::Device(network) => network.pass(segments, wanted)?,
        };
        for segment in segments.iter_mut() {
            segment.cache.advance(segment.tokens.len());
        }
        Ok(logits)
    }

    fn check(&self, segments: &[Segment<'_>]) -> Result<(), ModelError> {
        for (index, segment) in segments.iter().enumerate() {
            let (tokens, room) = (segment.tokens.len(), segment.cache.capacity() - segment.cache.len());
            if tokens == 0 || tokens > room || segment.cache.len() + tokens > self.config().context {
                let context = self.config().context.min(segment.cache.capacity());
                return Err(ModelError::TooLong {
                    index,
                    tokens: segment.cache.len() + tokens,
                    new: 0,
                    context,
                });
            }
            if segment.adapter.is_some_and(|adapter| !adapter.base().same_shapes(self.config())) {
                return Err(ModelError::OtherSizes { index });
            }
        }
        Ok(())
    }
}

/// Lends the values of a contiguous 32-bit tensor in main memory.
pub(crate) fn with_values<R>(
    tensor: &Tensor,
    use_values: impl FnOnce(&[f32]) -> R,
) -> candle_core::Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => Ok(use_values(&values[start..end])),
        _ => candle_core::bail!("expected contiguous 32-bit floats in main memory"),
    }
}

/// Tokens of all segments.
pub(crate) fn total(segments: &[Segment<'_>]) -> usize {
    segments.iter().map(|s| s.tokens.len()).sum()
}

fn last_positions(segments: &[Segment<'_>]) -> Vec<u32> {
    let lengths = segments.iter().map(|segment| segment.tokens.len() as u32);
    let ends = lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    ends.map(|end| end - 1).collect()
}

/// The adapter of each wanted position.
pub(crate) fn wanted_by<'a>(
    segments: &'a [Segment<'_>],
    wanted: &'a [u32],
) -> impl Iterator<Item = (Option<&'a Adapter>, usize)> + 'a {
    let ends: Vec<u32> = last_positions(segments);
    wanted.iter().map(move |position| {
        let segment = ends.partition_point(|end| end < position);
        (segments.get(segment).and_then(|segment| segment.adapter), 1)
    })
}

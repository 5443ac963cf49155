//! The Llama network (Touvron et al. 2023): new tokens of several sequences in, logits of chosen positions out.

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use candle_nn::ops::rms_norm;

use super::adapter::{Adapter, Linears, Routes};
use super::attention::Attention;
use super::config::LlamaConfig;
use super::error::ModelError;
use super::kernels::{add_to, swiglu};
use super::kv_cache::KvCache;
use super::linear::{Embedding, Linear};
use super::rope::Rope;

/// The new tokens of one sequence, and what it has read so far.
pub struct Segment<'a> {
    /// At least one token.
    pub tokens: &'a [u32],
    /// Must have room for the tokens.
    pub cache: &'a mut KvCache,
    /// Changes what the network answers to these tokens.
    pub adapter: Option<&'a Adapter>,
}

/// One block's weights.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) attention_norm: Tensor,
    /// Queries, keys and values side by side: `[hidden, query_width + 2 * kv_width]`.
    pub(crate) qkv: Linear,
    pub(crate) attention_output: Linear,
    pub(crate) feed_forward_norm: Tensor,
    /// Gate and up projections side by side: `[hidden, 2 * intermediate]`.
    pub(crate) gate_up: Linear,
    pub(crate) down: Linear,
}

/// A Llama with its weights in memory. Clones share them.
#[derive(Debug, Clone)]
pub struct Llama {
    pub(crate) config: LlamaConfig,
    pub(crate) embedding: Embedding,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Tensor,
    /// Shares the memory of `embedding` where the head is tied.
    pub(crate) head: Linear,
    pub(crate) rope: Rope,
}

impl Llama {
    /// The sizes.
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// Reads the segments' tokens and returns the logits after each segment's last token:
    /// `[segments, vocabulary]`. The caches grow by the tokens.
    ///
    /// # Errors
    /// A cache without room, a token outside the vocabulary, or a failure of the tensor library.
    pub fn forward(&self, segments: &mut [Segment<'_>]) -> Result<Tensor, ModelError> {
        self.check(segments)?;
        self.forward_at(segments, &last_positions(segments))
    }

    /// Reads the segments' tokens and returns the logits after those at `wanted`: `[wanted, vocabulary]`, so
    /// that the last block and the head work for these alone. `wanted` counts the tokens of all segments in
    /// order, from 0, and may be empty. The caches grow by the tokens.
    ///
    /// # Errors
    /// As [`Self::forward`], and a wanted position beyond the tokens.
    pub fn forward_at(&self, segments: &mut [Segment<'_>], wanted: &[u32]) -> Result<Tensor, ModelError> {
        self.check(segments)?;
        // From inside the pool, the many small parallel parts of a pass need no way into it and out again.
        rayon::scope(|_| self.pass(segments, wanted))
    }

    fn pass(&self, segments: &mut [Segment<'_>], wanted: &[u32]) -> Result<Tensor, ModelError> {
        let mut hidden = self.embed(segments)?;
        let routes = Routes::new(segments.iter().map(|s| (s.adapter, s.tokens.len())));
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = self.block(index, layer, hidden, segments, &routes, wanted)?;
        }
        for segment in segments.iter_mut() {
            segment.cache.advance(segment.tokens.len());
        }
        if wanted.is_empty() {
            return Ok(Tensor::zeros((0, self.config.vocabulary), DType::F32, &Device::Cpu)?);
        }
        let normed = rms_norm(&hidden, &self.norm, self.config.norm_epsilon as f32)?;
        self.head.forward(&normed)
    }

    fn check(&self, segments: &[Segment<'_>]) -> Result<(), ModelError> {
        for (index, segment) in segments.iter().enumerate() {
            let (tokens, room) = (segment.tokens.len(), segment.cache.capacity() - segment.cache.len());
            if tokens == 0 || tokens > room || segment.cache.len() + tokens > self.config.context {
                let context = self.config.context.min(segment.cache.capacity());
                return Err(ModelError::TooLong {
                    index,
                    tokens: segment.cache.len() + tokens,
                    new: 0,
                    context,
                });
            }
            if segment.adapter.is_some_and(|adapter| !adapter.base().same_shapes(&self.config)) {
                return Err(ModelError::OtherSizes { index });
            }
        }
        Ok(())
    }

    fn embed(&self, segments: &[Segment<'_>]) -> Result<Tensor, ModelError> {
        let tokens: Vec<u32> = segments.iter().flat_map(|s| s.tokens).copied().collect();
        self.embedding.rows(&tokens)
    }

    fn block(
        &self,
        index: usize,
        layer: &Layer,
        hidden: Tensor,
        segments: &mut [Segment<'_>],
        routes: &Routes<'_>,
        wanted: &[u32],
    ) -> Result<Tensor, ModelError> {
        let epsilon = self.config.norm_epsilon as f32;
        let normed = rms_norm(&hidden, &layer.attention_norm, epsilon)?;
        let qkv = layer.qkv.forward(&normed)?;
        routes.add(index, Linears::QueryKeyValue, &normed, &qkv)?;
        let mixed = self.attend(index, &qkv, segments)?;
        if index + 1 < self.layers.len() {
            return self.after_attention(index, layer, hidden, mixed, routes);
        }
        // Nothing reads the other positions any more.
        if wanted.is_empty() {
            return Ok(hidden);
        }
        let rows = Tensor::new(wanted, &Device::Cpu)?;
        let (hidden, mixed) = (hidden.index_select(&rows, 0)?, mixed.index_select(&rows, 0)?);
        let routes = Routes::new(wanted_by(segments, wanted));
        self.after_attention(index, layer, hidden, mixed, &routes)
    }

    /// The rest of a block: `hidden` is changed where it lies, and returned.
    fn after_attention(
        &self,
        index: usize,
        layer: &Layer,
        hidden: Tensor,
        mixed: Tensor,
        routes: &Routes<'_>,
    ) -> Result<Tensor, ModelError> {
        let output = layer.attention_output.forward(&mixed)?;
        routes.add(index, Linears::AttentionOutput, &mixed, &output)?;
        add_to(&hidden, &output)?;
        let normed = rms_norm(&hidden, &layer.feed_forward_norm, self.config.norm_epsilon as f32)?;
        let gate_up = layer.gate_up.forward(&normed)?;
        routes.add(index, Linears::GateUp, &normed, &gate_up)?;
        let active = swiglu(&gate_up)?;
        let output = layer.down.forward(&active)?;
        routes.add(index, Linears::Down, &active, &output)?;
        add_to(&hidden, &output)?;
        Ok(hidden)
    }

    fn attend(&self, layer: usize, qkv: &Tensor, segments: &mut [Segment<'_>]) -> Result<Tensor, ModelError> {
        let attention = Attention { config: &self.config, rope: &self.rope, layer };
        let output = with_values(qkv, |values| attention.run(values, segments))?;
        let shape = (total(segments), self.config.query_width());
        Ok(Tensor::from_vec(output, shape, &Device::Cpu)?)
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

fn total(segments: &[Segment<'_>]) -> usize {
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
fn wanted_by<'a>(
    segments: &'a [Segment<'_>],
    wanted: &'a [u32],
) -> impl Iterator<Item = (Option<&'a Adapter>, usize)> + 'a {
    let ends: Vec<u32> = last_positions(segments);
    wanted.iter().map(move |position| {
        let segment = ends.partition_point(|end| end < position);
        (segments.get(segment).and_then(|segment| segment.adapter), 1)
    })
}

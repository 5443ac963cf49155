//! The Llama network (Touvron et al. 2023): new tokens of several sequences in, logits of chosen positions out.

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use candle_nn::ops::rms_norm;

use super::attention::Attention;
use super::config::LlamaConfig;
use super::error::ModelError;
use super::kernels::{add_to, swiglu};
use super::kv_cache::KvCache;
use super::rope::Rope;

/// The new tokens of one sequence, and what it has read so far.
pub struct Segment<'a> {
    /// At least one token.
    pub tokens: &'a [u32],
    /// Must have room for the tokens.
    pub cache: &'a mut KvCache,
}

/// One block's weights, matrices as `[in, out]`.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) attention_norm: Tensor,
    /// Queries, keys and values side by side: `[hidden, query_width + 2 * kv_width]`.
    pub(crate) qkv: Tensor,
    pub(crate) attention_output: Tensor,
    pub(crate) feed_forward_norm: Tensor,
    /// Gate and up projections side by side: `[hidden, 2 * intermediate]`.
    pub(crate) gate_up: Tensor,
    pub(crate) down: Tensor,
}

/// A Llama with its weights in memory as 32-bit floats.
#[derive(Debug, Clone)]
pub struct Llama {
    pub(crate) config: LlamaConfig,
    /// `[vocabulary, hidden]`
    pub(crate) embedding: Tensor,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Tensor,
    /// `[vocabulary, hidden]`: the same tensor as `embedding` where the head is tied.
    pub(crate) head: Tensor,
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
        let mut hidden = self.embed(segments)?;
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = self.block(index, layer, hidden, segments, wanted)?;
        }
        for segment in segments.iter_mut() {
            segment.cache.advance(segment.tokens.len());
        }
        if wanted.is_empty() {
            return Ok(Tensor::zeros((0, self.config.vocabulary), DType::F32, &Device::Cpu)?);
        }
        let normed = rms_norm(&hidden, &self.norm, self.config.norm_epsilon as f32)?;
        Ok(normed.matmul(&self.head.t()?)?)
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
        }
        Ok(())
    }

    fn embed(&self, segments: &[Segment<'_>]) -> Result<Tensor, ModelError> {
        let tokens: Vec<u32> = segments.iter().flat_map(|s| s.tokens).copied().collect();
        let index = Tensor::from_vec(tokens, total(segments), &Device::Cpu)?;
        Ok(self.embedding.index_select(&index, 0)?)
    }

    fn block(
        &self,
        index: usize,
        layer: &Layer,
        hidden: Tensor,
        segments: &mut [Segment<'_>],
        wanted: &[u32],
    ) -> Result<Tensor, ModelError> {
        let epsilon = self.config.norm_epsilon as f32;
        let normed = rms_norm(&hidden, &layer.attention_norm, epsilon)?;
        let qkv = normed.matmul(&layer.qkv)?;
        let mut mixed = self.attend(index, &qkv, segments)?;
        let mut hidden = hidden;
        if index + 1 == self.layers.len() {
            // Nothing reads the other positions any more.
            if wanted.is_empty() {
                return Ok(hidden);
            }
            let rows = Tensor::new(wanted, &Device::Cpu)?;
            (hidden, mixed) = (hidden.index_select(&rows, 0)?, mixed.index_select(&rows, 0)?);
        }
        add_to(&hidden, &mixed.matmul(&layer.attention_output)?)?;
        let normed = rms_norm(&hidden, &layer.feed_forward_norm, epsilon)?;
        let active = swiglu(&normed.matmul(&layer.gate_up)?)?;
        add_to(&hidden, &active.matmul(&layer.down)?)?;
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
pub(crate) fn with_values<R>(tensor: &Tensor, use_values: impl FnOnce(&[f32]) -> R) -> Result<R, ModelError> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => Ok(use_values(&values[start..end])),
        _ => Err(candle_core::Error::Msg("expected contiguous 32-bit floats in main memory".into()).into()),
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

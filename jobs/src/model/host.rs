//! The network in hand-written loops over main memory.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::ops::rms_norm;

use super::adapter::{Linears, Routes};
use super::attention::Attention;
use super::config::LlamaConfig;
use super::error::ModelError;
use super::kernels::{add_to, swiglu};
use super::linear::{Embedding, Linear};
use super::llama::{Segment, total, wanted_by, with_values};
use super::rope::Rope;

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

/// Weights in main memory, and the passes over them.
#[derive(Debug, Clone)]
pub(crate) struct HostNetwork {
    pub(crate) config: LlamaConfig,
    pub(crate) embedding: Embedding,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Tensor,
    /// Shares the memory of `embedding` where the head is tied.
    pub(crate) head: Linear,
    pub(crate) rope: Rope,
}

impl HostNetwork {
    /// Whether the embedding serves as head.
    pub(crate) fn is_tied(&self) -> bool {
        match (&self.embedding, &self.head) {
            (Embedding::Dense(table), Linear::DenseHead(head)) => table.id() == head.id(),
            (Embedding::Quantized(table), Linear::Quantized(head)) => Arc::ptr_eq(table, head),
            _ => false,
        }
    }

    /// See [`super::llama::Llama::forward_at`]. The caches get the new keys and values, but not yet their length.
    pub(crate) fn pass(&self, segments: &mut [Segment<'_>], wanted: &[u32]) -> Result<Tensor, ModelError> {
        let mut hidden = self.embed(segments)?;
        let routes = Routes::new(segments.iter().map(|s| (s.adapter, s.tokens.len())));
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = self.block(index, layer, hidden, segments, &routes, wanted)?;
        }
        if wanted.is_empty() {
            return Ok(Tensor::zeros((0, self.config.vocabulary), DType::F32, &Device::Cpu)?);
        }
        let normed = rms_norm(&hidden, &self.norm, self.config.norm_epsilon as f32)?;
        self.head.forward(&normed)
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
        let output = with_values(qkv, |values| attention.run(values, segments))??;
        let shape = (total(segments), self.config.query_width());
        Ok(Tensor::from_vec(output, shape, &Device::Cpu)?)
    }
}

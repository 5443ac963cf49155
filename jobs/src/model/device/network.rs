//! Weights on a device, and one pass over them.

use candle_core::{DType, Device, Tensor};
use candle_nn::ops::{rms_norm, swiglu};

use super::attention::{Attention, Plan};
use crate::model::adapter::{Linears, Routes};
use crate::model::config::LlamaConfig;
use crate::model::error::ModelError;
use crate::model::host::{self, HostNetwork};
use crate::model::linear::{Embedding, Linear};
use crate::model::llama::{Segment, total, wanted_by};

/// One block's weights. Matrices are `[in, out]`, as they lie or turned round.
#[derive(Debug, Clone)]
struct Layer {
    attention_norm: Tensor,
    /// `[hidden, query_width + 2 * kv_width]`
    qkv: Tensor,
    attention_output: Tensor,
    feed_forward_norm: Tensor,
    /// `[hidden, 2 * intermediate]`
    gate_up: Tensor,
    down: Tensor,
}

/// A Llama whose weights lie on a device, as 32-bit floats.
#[derive(Debug, Clone)]
pub(crate) struct DeviceNetwork {
    config: LlamaConfig,
    device: Device,
    /// `[vocabulary, hidden]`
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    /// `[hidden, vocabulary]`; the embedding turned round where the head is tied.
    head: Tensor,
    /// Cosines and sines by position: each `[positions, head_dim / 2]`.
    rope: (Tensor, Tensor),
}

impl DeviceNetwork {
    /// Moves the weights, a block at a time. Those kept in 8 bits are widened.
    ///
    /// # Errors
    /// The device's memory is too small.
    pub(crate) fn new(network: HostNetwork, device: &Device) -> Result<Self, ModelError> {
        let is_tied = network.is_tied();
        let embedding = match network.embedding {
            Embedding::Dense(table) => table,
            Embedding::Quantized(table) => table.widened()?,
        };
        let embedding = embedding.to_device(device)?;
        let head = if is_tied { embedding.t()? } else { moved(network.head, device)? };
        let layers = network.layers.into_iter().map(|layer| Layer::new(layer, device));
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
            norm: network.norm.to_device(device)?,
            rope: network.rope.tables(device)?,
            config: network.config,
            device: device.clone(),
            embedding,
            head,
        })
    }

    /// The sizes.
    pub(crate) fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// Where the weights lie.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// See [`crate::model::Llama::forward_at`]. The caches get the new keys and values, but not yet their
    /// length.
    pub(crate) fn pass(&self, segments: &mut [Segment<'_>], wanted: &[u32]) -> Result<Tensor, ModelError> {
        self.check(segments, wanted)?;
        let plan = Plan::new(segments, &self.rope, &self.device)?;
        let attention = Attention { config: &self.config, plan: &plan };
        let routes = Routes::new(segments.iter().map(|s| (s.adapter, s.tokens.len())));
        let mut hidden = self.embed(segments)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = self.normalised(&hidden, &layer.attention_norm)?;
            let qkv = normed.matmul(&layer.qkv)?;
            let qkv = routes.added(index, Linears::QueryKeyValue, &normed, qkv)?;
            let mixed = attention.run(index, &qkv, segments)?;
            if index + 1 < self.layers.len() {
                hidden = self.after_attention(index, hidden, mixed, &routes)?;
                continue;
            }
            // Nothing reads the other positions any more.
            if wanted.is_empty() {
                break;
            }
            let rows = Tensor::new(wanted, &self.device)?;
            let routes = Routes::new(wanted_by(segments, wanted));
            let (picked, mixed) = (hidden.index_select(&rows, 0)?, mixed.index_select(&rows, 0)?);
            hidden = self.after_attention(index, picked, mixed, &routes)?;
        }
        self.logits(&hidden, wanted)
    }

    /// What kernels on a device would read past their tables for.
    fn check(&self, segments: &[Segment<'_>], wanted: &[u32]) -> Result<(), ModelError> {
        let vocabulary = self.config.vocabulary;
        for (index, segment) in segments.iter().enumerate() {
            if let Some(token) = segment.tokens.iter().find(|token| **token as usize >= vocabulary) {
                return Err(ModelError::UnknownToken { index, token: *token, vocabulary });
            }
        }
        match wanted.iter().find(|position| **position as usize >= total(segments)) {
            None => Ok(()),
            Some(position) => Err(ModelError::Setting {
                name: "wanted position",
                found: position.to_string(),
                expected: "a place among the segments' tokens",
            }),
        }
    }

    /// `[tokens, hidden]`
    fn embed(&self, segments: &[Segment<'_>]) -> Result<Tensor, ModelError> {
        let tokens: Vec<u32> = segments.iter().flat_map(|s| s.tokens).copied().collect();
        let tokens = Tensor::from_vec(tokens, total(segments), &self.device)?;
        Ok(self.embedding.index_select(&tokens, 0)?)
    }

    fn normalised(&self, hidden: &Tensor, weights: &Tensor) -> candle_core::Result<Tensor> {
        rms_norm(hidden, weights, self.config.norm_epsilon as f32)
    }

    /// The rest of a block. `hidden` and what is returned: `[rows, hidden]`; `mixed`: `[rows, query_width]`.
    fn after_attention(
        &self,
        index: usize,
        hidden: Tensor,
        mixed: Tensor,
        routes: &Routes<'_>,
    ) -> Result<Tensor, ModelError> {
        let layer = &self.layers[index];
        let output = mixed.matmul(&layer.attention_output)?;
        let hidden = (hidden + routes.added(index, Linears::AttentionOutput, &mixed, output)?)?;
        let normed = self.normalised(&hidden, &layer.feed_forward_norm)?;
        let gate_up = normed.matmul(&layer.gate_up)?;
        let active = swiglu(&routes.added(index, Linears::GateUp, &normed, gate_up)?)?;
        let output = active.matmul(&layer.down)?;
        Ok((hidden + routes.added(index, Linears::Down, &active, output)?)?)
    }

    /// `[wanted, vocabulary]`, in main memory.
    fn logits(&self, hidden: &Tensor, wanted: &[u32]) -> Result<Tensor, ModelError> {
        if wanted.is_empty() {
            return Ok(Tensor::zeros((0, self.config.vocabulary), DType::F32, &Device::Cpu)?);
        }
        let logits = self.normalised(hidden, &self.norm)?.matmul(&self.head)?;
        Ok(logits.to_device(&Device::Cpu)?)
    }
}

impl Layer {
    fn new(layer: host::Layer, device: &Device) -> Result<Self, ModelError> {
        Ok(Self {
            attention_norm: layer.attention_norm.to_device(device)?,
            qkv: moved(layer.qkv, device)?,
            attention_output: moved(layer.attention_output, device)?,
            feed_forward_norm: layer.feed_forward_norm.to_device(device)?,
            gate_up: moved(layer.gate_up, device)?,
            down: moved(layer.down, device)?,
        })
    }
}

/// The matrix on the device: `[in, out]`.
fn moved(linear: Linear, device: &Device) -> Result<Tensor, ModelError> {
    Ok(match linear {
        Linear::Dense(weights) => weights.to_device(device)?,
        Linear::DenseHead(weights) => weights.to_device(device)?.t()?,
        Linear::Quantized(weights) => weights.widened()?.to_device(device)?.t()?,
    })
}

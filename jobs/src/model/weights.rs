//! From named tensors of a file to a [`Llama`], whatever the format.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::config::LlamaConfig;
use super::error::ModelError;
use super::host::{HostNetwork, Layer};
use super::linear::{Embedding, Linear, Precision};
use super::llama::{Llama, Network};
use super::q8::{Q8Matrix, RUN, Run};
use super::rope::Rope;
use super::safetensors::finite;

/// A tensor of the architecture, under no format's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Embedding,
    Norm,
    Head,
    AttentionNorm(usize),
    Query(usize),
    Key(usize),
    Value(usize),
    AttentionOutput(usize),
    FeedForwardNorm(usize),
    Gate(usize),
    Up(usize),
    Down(usize),
}

impl Part {
    /// The shape in memory, outermost first.
    pub(crate) fn shape(self, c: &LlamaConfig) -> Vec<usize> {
        match self {
            Self::Embedding | Self::Head => vec![c.vocabulary, c.hidden],
            Self::Norm | Self::AttentionNorm(_) | Self::FeedForwardNorm(_) => vec![c.hidden],
            Self::Query(_) => vec![c.query_width(), c.hidden],
            Self::Key(_) | Self::Value(_) => vec![c.kv_width(), c.hidden],
            Self::AttentionOutput(_) => vec![c.hidden, c.query_width()],
            Self::Gate(_) | Self::Up(_) => vec![c.intermediate, c.hidden],
            Self::Down(_) => vec![c.hidden, c.intermediate],
        }
    }

    /// The linear layers of one block.
    pub(crate) fn linears(i: usize) -> [Self; 7] {
        [
            Self::Query(i),
            Self::Key(i),
            Self::Value(i),
            Self::AttentionOutput(i),
            Self::Gate(i),
            Self::Up(i),
            Self::Down(i),
        ]
    }

    /// The block, for parts of blocks.
    pub(crate) fn layer(self) -> Option<usize> {
        match self {
            Self::Embedding | Self::Norm | Self::Head => None,
            Self::AttentionNorm(i) | Self::FeedForwardNorm(i) => Some(i),
            Self::Query(i) | Self::Key(i) | Self::Value(i) | Self::AttentionOutput(i) => Some(i),
            Self::Gate(i) | Self::Up(i) | Self::Down(i) => Some(i),
        }
    }

    /// The dotted path of the module in Hugging Face's Llama.
    pub(crate) fn module(self) -> String {
        let (layer, name) = match self {
            Self::Embedding => return "model.embed_tokens".to_owned(),
            Self::Norm => return "model.norm".to_owned(),
            Self::Head => return "lm_head".to_owned(),
            Self::AttentionNorm(i) => (i, "input_layernorm"),
            Self::Query(i) => (i, "self_attn.q_proj"),
            Self::Key(i) => (i, "self_attn.k_proj"),
            Self::Value(i) => (i, "self_attn.v_proj"),
            Self::AttentionOutput(i) => (i, "self_attn.o_proj"),
            Self::FeedForwardNorm(i) => (i, "post_attention_layernorm"),
            Self::Gate(i) => (i, "mlp.gate_proj"),
            Self::Up(i) => (i, "mlp.up_proj"),
            Self::Down(i) => (i, "mlp.down_proj"),
        };
        format!("model.layers.{layer}.{name}")
    }
}

/// A weights file that can be asked for tensors.
pub(crate) trait TensorSource: Sync {
    /// The sizes.
    fn config(&self) -> &LlamaConfig;

    /// Whether the file has an own output head, or the embedding serves as one.
    fn has_head(&self) -> bool;

    /// Divisors of the rotary frequencies, `[head_dim / 2]`, where the file has them.
    fn rope_factors(&self) -> Result<Option<Vec<f32>>, ModelError>;

    /// The values of a part, checked for shape and size, with query and key rows in half-rotation order.
    fn read(&self, part: Part) -> Result<Vec<f32>, ModelError>;

    /// The same as 8-bit runs where the file holds no more than 8 bits, so that nothing need be rounded.
    fn runs(&self, _part: Part) -> Result<Option<Vec<Run>>, ModelError> {
        Ok(None)
    }

    /// The part's name in the file, for messages.
    fn name(&self, part: Part) -> String;
}

/// Longest rotary table that is made at load: longer contexts than this are cut to it.
const MAX_POSITIONS: usize = 32_768;

/// Reads all parts, layers in parallel.
pub(crate) fn assemble(source: &dyn TensorSource, precision: Precision) -> Result<Llama, ModelError> {
    let mut config = source.config().clone();
    config.context = config.context.min(MAX_POSITIONS);
    let reader = Reader { source, config: &config, precision };
    let (embedding, layers) = rayon::join(|| reader.embedding(), || reader.layers());
    let (embedding, layers) = (embedding?, layers?);
    let norm = reader.vector(Part::Norm)?;
    let head = match source.has_head() {
        true => reader.head()?,
        false => embedding.tied_head(),
    };
    // Sizes are believed only after the tensors have shown them: the tables of a lie could be huge.
    let factors = source.rope_factors()?;
    let rope = Rope::new(&config, factors.as_deref(), config.context);
    let network = HostNetwork { config, embedding, layers, norm, head, rope };
    Ok(Llama { network: Network::Host(network) })
}

/// Reads parts in the precision that was asked for.
#[derive(Clone, Copy)]
struct Reader<'a> {
    source: &'a dyn TensorSource,
    config: &'a LlamaConfig,
    precision: Precision,
}

impl Reader<'_> {
    fn layers(&self) -> Result<Vec<Layer>, ModelError> {
        // Collected first, so that the first of several wrong layers is the one that is named.
        let layers: Vec<_> = (0..self.config.layers).into_par_iter().map(|i| self.layer(i)).collect();
        layers.into_iter().collect()
    }

    fn layer(&self, i: usize) -> Result<Layer, ModelError> {
        Ok(Layer {
            attention_norm: self.vector(Part::AttentionNorm(i))?,
            qkv: self.linear(&[Part::Query(i), Part::Key(i), Part::Value(i)])?,
            attention_output: self.linear(&[Part::AttentionOutput(i)])?,
            feed_forward_norm: self.vector(Part::FeedForwardNorm(i))?,
            gate_up: self.linear(&[Part::Gate(i), Part::Up(i)])?,
            down: self.linear(&[Part::Down(i)])?,
        })
    }

    fn embedding(&self) -> Result<Embedding, ModelError> {
        match self.quantized(&[Part::Embedding])? {
            None => Ok(Embedding::Dense(self.vector(Part::Embedding)?)),
            Some(table) => Ok(Embedding::Quantized(Arc::new(table))),
        }
    }

    fn head(&self) -> Result<Linear, ModelError> {
        match self.quantized(&[Part::Head])? {
            None => Ok(Linear::DenseHead(self.vector(Part::Head)?)),
            Some(weights) => Ok(Linear::Quantized(Arc::new(weights))),
        }
    }

    /// Parts with the same input, side by side.
    fn linear(&self, parts: &[Part]) -> Result<Linear, ModelError> {
        match self.quantized(parts)? {
            None => Ok(Linear::Dense(self.dense(parts)?)),
            Some(weights) => Ok(Linear::Quantized(Arc::new(weights))),
        }
    }

    /// One part as it lies in the file: `[out, in]`, or a vector.
    fn vector(&self, part: Part) -> Result<Tensor, ModelError> {
        Ok(Tensor::from_vec(self.finite(part)?, part.shape(self.config), &Device::Cpu)?)
    }

    /// Parts side by side and turned round: `[in, out]`.
    ///
    /// Products with few rows read the weights once and in order that way, which is up to ten times faster.
    fn dense(&self, parts: &[Part]) -> Result<Tensor, ModelError> {
        let width = parts[0].shape(self.config)[1];
        let read = parts.iter().map(|part| self.finite(*part)).collect::<Result<Vec<_>, _>>()?;
        let columns: usize = read.iter().map(|rows| rows.len() / width).sum();
        let mut values = vec![0.0; width * columns];
        let mut start = 0;
        for rows in read {
            turn(&rows, width, &mut values[start..], columns);
            start += rows.len() / width;
        }
        Ok(Tensor::from_vec(values, (width, columns), &Device::Cpu)?)
    }

    /// Parts side by side as 8-bit runs, where the precision wants them so.
    fn quantized(&self, parts: &[Part]) -> Result<Option<Q8Matrix>, ModelError> {
        let mut runs = Vec::new();
        for part in parts {
            match self.runs(*part)? {
                Some(own) => runs.extend(own),
                None => return Ok(None),
            }
        }
        Q8Matrix::new(&runs, parts[0].shape(self.config)[1]).map(Some)
    }

    fn runs(&self, part: Part) -> Result<Option<Vec<Run>>, ModelError> {
        if self.precision == Precision::F32 {
            return Ok(None);
        }
        match self.source.runs(part)? {
            Some(own) if own.iter().all(Run::is_finite) => Ok(Some(own)),
            Some(_) => Err(ModelError::NotFinite { tensor: self.source.name(part) }),
            None if self.precision == Precision::AsStored => Ok(None),
            None => Ok(Some(self.finite(part)?.par_chunks(RUN).map(Run::rounded).collect())),
        }
    }

    fn finite(&self, part: Part) -> Result<Vec<f32>, ModelError> {
        finite(self.source.read(part)?, &self.source.name(part))
    }
}

/// Writes the transpose of rows of this `width` into a matrix with `columns`, square by square for the cache.
pub(crate) fn turn(rows: &[f32], width: usize, target: &mut [f32], columns: usize) {
    const SQUARE: usize = 16;
    for (block, rows) in rows.chunks(SQUARE * width).enumerate() {
        for first in (0..width).step_by(SQUARE) {
            for column in first..width.min(first + SQUARE) {
                let line = &mut target[column * columns + block * SQUARE..];
                for (cell, row) in line.iter_mut().zip(rows.chunks_exact(width)) {
                    *cell = row[column];
                }
            }
        }
    }
}

/// Looks at the exponent bits, without a branch per value.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    let bad = |bad: bool, value: &f32| bad | (value.to_bits() & EXPONENT == EXPONENT);
    values.chunks(4096).all(|chunk| !chunk.iter().fold(false, bad))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_and_nan_values_are_seen() {
        let check = |value: f32| all_finite(&[vec![0.5; 5000], vec![value]].concat());
        assert!(check(f32::MAX));
        assert!(check(-0.0));
        assert!(!check(f32::NAN));
        assert!(!check(f32::NEG_INFINITY));
    }
}

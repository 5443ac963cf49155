//! From named tensors of a file to a [`Llama`], whatever the format.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::config::LlamaConfig;
use super::error::ModelError;
use super::llama::{Layer, Llama};
use super::rope::Rope;

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

    /// The part's name in the file, for messages.
    fn name(&self, part: Part) -> String;
}

/// Longest rotary table that is made at load: longer contexts than this are cut to it.
const MAX_POSITIONS: usize = 32_768;

/// Reads all parts, layers in parallel.
pub(crate) fn assemble(source: &dyn TensorSource) -> Result<Llama, ModelError> {
    let mut config = source.config().clone();
    config.context = config.context.min(MAX_POSITIONS);
    let factors = source.rope_factors()?;
    let rope = Rope::new(&config, factors.as_deref(), config.context);
    let (embedding, layers) =
        rayon::join(|| tensor(source, &config, Part::Embedding), || layers(source, &config));
    let (embedding, layers) = (embedding?, layers?);
    let norm = tensor(source, &config, Part::Norm)?;
    let head = match source.has_head() {
        true => tensor(source, &config, Part::Head)?,
        false => embedding.clone(),
    };
    Ok(Llama { config, embedding, layers, norm, head, rope })
}

fn layers(source: &dyn TensorSource, config: &LlamaConfig) -> Result<Vec<Layer>, ModelError> {
    (0..config.layers).into_par_iter().map(|i| layer(source, config, i)).collect()
}

fn layer(source: &dyn TensorSource, config: &LlamaConfig, i: usize) -> Result<Layer, ModelError> {
    let read = |parts: &[Part]| matrix(source, config, parts);
    Ok(Layer {
        attention_norm: tensor(source, config, Part::AttentionNorm(i))?,
        qkv: read(&[Part::Query(i), Part::Key(i), Part::Value(i)])?,
        attention_output: read(&[Part::AttentionOutput(i)])?,
        feed_forward_norm: tensor(source, config, Part::FeedForwardNorm(i))?,
        gate_up: read(&[Part::Gate(i), Part::Up(i)])?,
        down: read(&[Part::Down(i)])?,
    })
}

/// One part as it lies in the file: `[out, in]`, or a vector.
fn tensor(source: &dyn TensorSource, config: &LlamaConfig, part: Part) -> Result<Tensor, ModelError> {
    Ok(Tensor::from_vec(finite(source, part)?, part.shape(config), &Device::Cpu)?)
}

/// Parts with the same input, side by side and turned round: `[in, out]`.
///
/// Products with few rows read the weights once and in order that way, which is up to ten times faster.
fn matrix(source: &dyn TensorSource, config: &LlamaConfig, parts: &[Part]) -> Result<Tensor, ModelError> {
    let width = parts[0].shape(config)[1];
    let columns: usize = parts.iter().map(|part| part.shape(config)[0]).sum();
    let mut values = vec![0.0; width * columns];
    let mut start = 0;
    for part in parts {
        let read = finite(source, *part)?;
        turn(&read, width, &mut values[start..], columns);
        start += read.len() / width;
    }
    Ok(Tensor::from_vec(values, (width, columns), &Device::Cpu)?)
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

fn finite(source: &dyn TensorSource, part: Part) -> Result<Vec<f32>, ModelError> {
    let values = source.read(part)?;
    match all_finite(&values) {
        true => Ok(values),
        false => Err(ModelError::NotFinite { tensor: source.name(part) }),
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

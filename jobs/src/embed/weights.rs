//! From a safetensors file to a [`Bert`].
//!
//! Three foldings save work in every pass and change nothing but rounding: queries are scaled at load; the
//! bias of the keys adds the same number to all scores of a query, which the softmax takes out again; and as
//! its weights sum to 1, the bias of the values passes through to the output projection's bias.

use candle_core::safetensors::{BufferedSafetensors, Load};
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::bert::{Bert, Layer};
use super::config::{BertConfig, malformed};
use super::error::EmbedError;
use super::kernels::{AddGelu, AddNorm};
use crate::model::{all_finite, turn};

/// Names begin with this where the encoder was saved as a part of a larger model.
const OUTER: &str = "bert.";

/// A safetensors file in memory, read by the configuration's sizes.
struct WeightsFile<'a> {
    tensors: BufferedSafetensors,
    config: &'a BertConfig,
    prefix: &'static str,
}

/// Reads all weights, layers in parallel. The format's parser itself refuses headers over 100 MB,
/// overlapping tensors, and tensors that do not fill the file.
pub(crate) fn read_bert(bytes: Vec<u8>, config: BertConfig) -> Result<Bert, EmbedError> {
    let tensors = BufferedSafetensors::new(bytes).map_err(|error| malformed("safetensors header", error))?;
    let prefix = match tensors.get("bert.embeddings.LayerNorm.weight") {
        Ok(_) => OUTER,
        Err(_) => "",
    };
    let file = WeightsFile { tensors, config: &config, prefix };
    let (embeddings, layers) = rayon::join(|| file.embeddings(), || file.layers());
    let ((words, positions, embedding_norm), layers) = (embeddings?, layers?);
    Ok(Bert { config: config.clone(), words, positions, embedding_norm, layers })
}

impl WeightsFile<'_> {
    fn embeddings(&self) -> Result<(Vec<f32>, Vec<f32>, AddNorm), EmbedError> {
        let c = self.config;
        let words = self.matrix("embeddings.word_embeddings.weight", c.vocabulary, c.hidden)?;
        let mut positions = self.matrix("embeddings.position_embeddings.weight", c.positions, c.hidden)?;
        let segments = self.matrix("embeddings.token_type_embeddings.weight", c.segments, c.hidden)?;
        for position in positions.chunks_exact_mut(c.hidden) {
            position.iter_mut().zip(&segments).for_each(|(value, segment)| *value += segment);
        }
        Ok((words, positions, self.norm("embeddings.LayerNorm", vec![0.0; c.hidden])?))
    }

    fn layers(&self) -> Result<Vec<Layer>, EmbedError> {
        (0..self.config.layers).into_par_iter().map(|i| self.layer(&format!("encoder.layer.{i}"))).collect()
    }

    fn layer(&self, layer: &str) -> Result<Layer, EmbedError> {
        let BertConfig { hidden, intermediate, .. } = *self.config;
        let (qkv, query_bias, value_bias) = self.attention(&format!("{layer}.attention.self"))?;
        let output = Linear::read(self, &format!("{layer}.attention.output.dense"), hidden, hidden)?;
        let up = Linear::read(self, &format!("{layer}.intermediate.dense"), hidden, intermediate)?;
        let down = Linear::read(self, &format!("{layer}.output.dense"), intermediate, hidden)?;
        let output_bias = output.apply(&value_bias);
        Ok(Layer {
            qkv,
            query_bias,
            attention_output: side_by_side(&[&output])?,
            attention_norm: self.norm(&format!("{layer}.attention.output.LayerNorm"), output_bias)?,
            up: side_by_side(&[&up])?,
            activation: AddGelu { bias: up.bias },
            down: side_by_side(&[&down])?,
            norm: self.norm(&format!("{layer}.output.LayerNorm"), down.bias)?,
        })
    }

    /// The three projections side by side, the queries' bias and the values'.
    fn attention(&self, name: &str) -> Result<(Tensor, Vec<f32>, Vec<f32>), EmbedError> {
        let hidden = self.config.hidden;
        let read = |part: &str| Linear::read(self, &format!("{name}.{part}"), hidden, hidden);
        let (mut query, key, value) = (read("query")?, read("key")?, read("value")?);
        let scale = 1.0 / (self.config.head_dim() as f32).sqrt();
        query.weight.iter_mut().chain(&mut query.bias).for_each(|value| *value *= scale);
        Ok((side_by_side(&[&query, &key, &value])?, query.bias, value.bias))
    }

    /// A normalisation that first adds `bias`.
    fn norm(&self, name: &str, bias: Vec<f32>) -> Result<AddNorm, EmbedError> {
        let hidden = self.config.hidden;
        let scale = self.vector(&format!("{name}.weight"), hidden)?;
        let shift = self.vector(&format!("{name}.bias"), hidden)?;
        Ok(AddNorm { bias, scale, shift, epsilon: self.config.norm_epsilon })
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, EmbedError> {
        self.values(name, &[size])
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Vec<f32>, EmbedError> {
        self.values(name, &[rows, columns])
    }

    fn values(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let tensor = format!("{}{name}", self.prefix);
        let view = match self.tensors.get(&tensor) {
            Ok(view) => view,
            Err(_) => return Err(EmbedError::MissingTensor { tensor }),
        };
        if view.shape() != expected {
            let (found, expected) = (view.shape().to_vec(), expected.to_vec());
            return Err(EmbedError::Shape { tensor, found, expected });
        }
        let loaded = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
        let values: Vec<f32> = loaded.flatten_all()?.to_vec1()?;
        match all_finite(&values) {
            true => Ok(values),
            false => Err(EmbedError::NotFinite { tensor }),
        }
    }
}

/// A projection as it lies in the file.
struct Linear {
    /// `[out, in]`
    weight: Vec<f32>,
    /// `[out]`
    bias: Vec<f32>,
}

impl Linear {
    fn read(file: &WeightsFile<'_>, name: &str, input: usize, output: usize) -> Result<Self, EmbedError> {
        let weight = file.matrix(&format!("{name}.weight"), output, input)?;
        let bias = file.vector(&format!("{name}.bias"), output)?;
        Ok(Self { weight, bias })
    }

    fn input(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    fn apply(&self, input: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(self.input()).zip(&self.bias);
        rows.map(|(row, bias)| row.iter().zip(input).map(|(a, b)| a * b).sum::<f32>() + bias).collect()
    }
}

/// The weights of projections with the same input, turned round: `[in, out]`.
fn side_by_side(parts: &[&Linear]) -> Result<Tensor, EmbedError> {
    let width = parts[0].input();
    let columns = parts.iter().map(|part| part.bias.len()).sum();
    let mut values = vec![0.0; width * columns];
    let mut start = 0;
    for part in parts {
        turn(&part.weight, width, &mut values[start..], columns);
        start += part.bias.len();
    }
    Ok(Tensor::from_vec(values, (width, columns), &Device::Cpu)?)
}

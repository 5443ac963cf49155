//! The BERT network (Devlin et al. 2018): tokens of several texts in, a vector for each token out.

use candle_core::{Device, Tensor};

use super::attention::Attention;
use super::config::BertConfig;
use super::error::EmbedError;
use super::kernels::{AddGelu, AddNorm};
use crate::model::with_values;

/// One block's weights, matrices as `[in, out]`.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// Queries (scaled), keys and values side by side: `[hidden, 3 * hidden]`.
    pub(crate) qkv: Tensor,
    pub(crate) query_bias: Vec<f32>,
    pub(crate) attention_output: Tensor,
    pub(crate) attention_norm: AddNorm,
    pub(crate) up: Tensor,
    pub(crate) activation: AddGelu,
    pub(crate) down: Tensor,
    pub(crate) norm: AddNorm,
}

/// A BERT with its weights in memory as 32-bit floats.
#[derive(Debug, Clone)]
pub(crate) struct Bert {
    pub(crate) config: BertConfig,
    /// `[vocabulary, hidden]`
    pub(crate) words: Vec<f32>,
    /// `[positions, hidden]`, with the vector of the first segment added.
    pub(crate) positions: Vec<f32>,
    pub(crate) embedding_norm: AddNorm,
    pub(crate) layers: Vec<Layer>,
}

impl Bert {
    /// Reads texts one after another. Their tokens must be in the vocabulary and no text longer than the
    /// trained positions. Returns `[tokens, hidden]`.
    pub(crate) fn forward(&self, texts: &[&[u32]]) -> Result<Tensor, EmbedError> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
        let hidden = self.embed(texts)?;
        for layer in &self.layers {
            self.block(layer, &hidden, &lengths)?;
        }
        Ok(hidden)
    }

    fn embed(&self, texts: &[&[u32]]) -> Result<Tensor, EmbedError> {
        let width = self.config.hidden;
        let count: usize = texts.iter().map(|text| text.len()).sum();
        let mut rows = Vec::with_capacity(count * width);
        let mut positions = Vec::with_capacity(count * width);
        for text in texts {
            for token in *text {
                rows.extend_from_slice(&self.words[*token as usize * width..][..width]);
            }
            positions.extend_from_slice(&self.positions[..text.len() * width]);
        }
        self.embedding_norm.apply(&mut rows, &positions);
        Ok(Tensor::from_vec(rows, (count, width), &Device::Cpu)?)
    }

    /// Changes `hidden` in place.
    fn block(&self, layer: &Layer, hidden: &Tensor, lengths: &[usize]) -> Result<(), EmbedError> {
        let mixed = self.attend(layer, &hidden.matmul(&layer.qkv)?, lengths)?;
        hidden.inplace_op2(&mixed.matmul(&layer.attention_output)?, &layer.attention_norm)?;
        let active = hidden.matmul(&layer.up)?;
        active.inplace_op1(&layer.activation)?;
        hidden.inplace_op2(&active.matmul(&layer.down)?, &layer.norm)?;
        Ok(())
    }

    fn attend(&self, layer: &Layer, qkv: &Tensor, lengths: &[usize]) -> Result<Tensor, EmbedError> {
        let (hidden, head_dim) = (self.config.hidden, self.config.head_dim());
        let attention = Attention { hidden, head_dim, query_bias: &layer.query_bias };
        let output = with_values(qkv, |values| attention.run(values, lengths))?;
        Ok(Tensor::from_vec(output, (qkv.dim(0)?, hidden), &Device::Cpu)?)
    }
}

//! The network with its backward pass, written out by hand: no graph is kept, and what is frozen costs
//! nothing but its forward pass and the gradient of its input.

use candle_core::{Device, Result, Tensor};

use super::attention::Attention;
use super::batch::Batch;
use super::block::{Block, Kept};
use super::gradients::{Gradients, Weight};
use super::loss;
use super::norm::Norm;
use super::tensors::{change, lend, matrix};
use crate::model::LlamaConfig;
use crate::model::rope::Rope;

/// Room for activations. A batch that needs more does not keep them: each block computes its own again.
const KEPT_BYTES: usize = 1 << 30;

/// A Llama that can learn.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) config: LlamaConfig,
    pub(crate) rope: Rope,
    /// `[vocabulary, hidden]`
    pub(crate) embedding: Weight,
    pub(crate) blocks: Vec<Block>,
    /// The first block that learns: nothing flows back through those before it.
    pub(crate) first: usize,
    pub(crate) norm: Norm,
    /// `[vocabulary, hidden]`: where it is tied, the embedding with its slot.
    pub(crate) head: Weight,
    /// Whether the embedding serves as head.
    pub(crate) tied: bool,
}

/// What the backward pass of a block begins from.
enum Trace {
    Kept(Box<Kept>),
    /// The block's input, from which the rest is computed again.
    Input(Tensor),
}

/// Whether activations are kept or computed twice. The results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    Keep,
    Recompute,
}

impl Network {
    /// Rows whose activations fit into the room for them.
    pub(crate) fn rows_within_memory(&self) -> usize {
        let floats: usize = self.blocks[self.first..].iter().map(Block::kept_per_row).sum();
        KEPT_BYTES / (floats * size_of::<f32>()).max(1)
    }

    /// The summed loss of a batch's targets, in nats.
    pub(crate) fn loss(&self, batch: &Batch) -> Result<f64> {
        let attention = self.attention(batch);
        let mut hidden = self.embed(batch)?;
        for block in &self.blocks {
            hidden = block.forward(hidden, &attention)?.0;
        }
        let picked = hidden.index_select(&rows(batch)?, 0)?;
        loss::loss(&self.norm.forward(&picked)?, &batch.targets, &self.head.value)
    }

    /// As [`Self::loss`], and adds the gradient of `factor` times the sum to `gradients`.
    pub(crate) fn learn(&self, batch: &Batch, factor: f32, gradients: &mut Gradients) -> Result<f64> {
        let memory = match batch.tokens.len() > self.rows_within_memory() {
            true => Memory::Recompute,
            false => Memory::Keep,
        };
        self.learn_within(batch, factor, memory, gradients)
    }

    pub(crate) fn learn_within(
        &self,
        batch: &Batch,
        factor: f32,
        memory: Memory,
        gradients: &mut Gradients,
    ) -> Result<f64> {
        let attention = self.attention(batch);
        let (hidden, traces) = self.forward(batch, memory, &attention)?;
        let (sum, gradient) = self.learn_head(batch, &hidden, factor, gradients)?;
        drop(hidden);
        for (block, trace) in self.blocks[self.first..].iter().zip(traces).rev() {
            let kept = match trace {
                Trace::Kept(kept) => *kept,
                Trace::Input(input) => block.forward(input, &attention)?.1,
            };
            block.backward(kept, &gradient, &attention, gradients)?;
        }
        self.learn_embedding(batch, &gradient, gradients)?;
        Ok(sum)
    }

    fn attention<'a>(&'a self, batch: &'a Batch) -> Attention<'a> {
        Attention { config: &self.config, rope: &self.rope, lengths: &batch.lengths }
    }

    fn embed(&self, batch: &Batch) -> Result<Tensor> {
        let tokens = Tensor::new(batch.tokens.as_slice(), &Device::Cpu)?;
        self.embedding.value.index_select(&tokens, 0)
    }

    fn forward(
        &self,
        batch: &Batch,
        memory: Memory,
        attention: &Attention<'_>,
    ) -> Result<(Tensor, Vec<Trace>)> {
        let (frozen, learning) = self.blocks.split_at(self.first);
        let mut hidden = self.embed(batch)?;
        for block in frozen {
            hidden = block.forward(hidden, attention)?.0;
        }
        let mut traces = Vec::with_capacity(learning.len());
        for block in learning {
            let input = hidden.clone();
            let (output, kept) = block.forward(hidden, attention)?;
            traces.push(match memory {
                Memory::Keep => Trace::Kept(Box::new(kept)),
                Memory::Recompute => Trace::Input(input),
            });
            hidden = output;
        }
        Ok((hidden, traces))
    }

    /// Loss and gradient of the last block's output, `[rows, hidden]`.
    fn learn_head(
        &self,
        batch: &Batch,
        hidden: &Tensor,
        factor: f32,
        gradients: &mut Gradients,
    ) -> Result<(f64, Tensor)> {
        let picked = hidden.index_select(&rows(batch)?, 0)?;
        let normed = self.norm.forward(&picked)?;
        let (sum, to_normed) = loss::learn(&normed, &batch.targets, &self.head, factor, gradients)?;
        let to_picked = picked.zeros_like()?;
        self.norm.backward(&picked, &to_normed, &to_picked, gradients)?;
        let (count, width) = hidden.dims2()?;
        let mut gradient = vec![0.0; count * width];
        for (row, values) in batch.rows.iter().zip(lend(&to_picked)?.chunks_exact(width)) {
            gradient[*row as usize * width..][..width].copy_from_slice(values);
        }
        Ok((sum, matrix(gradient, width)?))
    }

    fn learn_embedding(&self, batch: &Batch, gradient: &Tensor, gradients: &mut Gradients) -> Result<()> {
        let Some(slot) = self.embedding.slot else { return Ok(()) };
        if gradients.get(slot).is_none() {
            gradients.add(slot, self.embedding.value.zeros_like()?)?;
        }
        let Some(sum) = gradients.get(slot) else { return Ok(()) };
        let gradient = lend(gradient)?;
        let width = self.config.hidden;
        change(sum, |sum| {
            for (token, row) in batch.tokens.iter().zip(gradient.chunks_exact(width)) {
                let target = &mut sum[*token as usize * width..][..width];
                target.iter_mut().zip(row).for_each(|(target, value)| *target += value);
            }
        })
    }
}

fn rows(batch: &Batch) -> Result<Tensor> {
    Tensor::new(batch.rows.as_slice(), &Device::Cpu)
}

//! One block of the network, forward and backward.

use candle_core::{Result, Tensor};

use super::activation::swiglu_backward;
use super::attention::Attention;
use super::gradients::Gradients;
use super::linear::Linear;
use super::norm::Norm;
use super::tensors::add;
use crate::model::kernels::swiglu;

/// Attention and feed-forward, each around a residual.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) attention_norm: Norm,
    pub(crate) qkv: Linear,
    pub(crate) attention_output: Linear,
    pub(crate) feed_forward_norm: Norm,
    pub(crate) gate_up: Linear,
    pub(crate) down: Linear,
}

/// What the backward pass needs and cannot compute again cheaply.
pub(crate) struct Kept {
    /// The block's input, `[rows, hidden]`.
    hidden: Tensor,
    /// Rotated queries and keys, and values.
    qkv: Tensor,
    qkv_low: Option<Tensor>,
    /// The attention's output before its projection.
    mixed: Tensor,
    mixed_low: Option<Tensor>,
    /// The residual stream between attention and feed-forward.
    middle: Tensor,
    gate_up: Tensor,
    gate_up_low: Option<Tensor>,
    down_low: Option<Tensor>,
}

impl Block {
    /// Values that [`Kept`] holds for one row.
    pub(crate) fn kept_per_row(&self) -> usize {
        let width = |linear: &Linear| linear.parts.iter().map(|part| part.width).sum::<usize>();
        let hidden = width(&self.down);
        2 * hidden + width(&self.qkv) + width(&self.attention_output) + width(&self.gate_up)
    }

    /// The block's output for its input, both `[rows, hidden]`.
    pub(crate) fn forward(&self, hidden: Tensor, attention: &Attention<'_>) -> Result<(Tensor, Kept)> {
        let qkv = self.qkv.forward(&self.attention_norm.forward(&hidden)?)?;
        let mixed = attention.forward(&qkv.values)?;
        let middle = self.attention_output.forward(&mixed)?;
        add(&middle.values, &hidden)?;
        let gate_up = self.gate_up.forward(&self.feed_forward_norm.forward(&middle.values)?)?;
        let output = self.down.forward(&swiglu(&gate_up.values)?)?;
        add(&output.values, &middle.values)?;
        let kept = Kept {
            hidden,
            qkv: qkv.values,
            qkv_low: qkv.low,
            mixed,
            mixed_low: middle.low,
            middle: middle.values,
            gate_up: gate_up.values,
            gate_up_low: gate_up.low,
            down_low: output.low,
        };
        Ok((output.values, kept))
    }

    /// Turns the gradient of the block's output into that of its input, where it lies.
    pub(crate) fn backward(
        &self,
        kept: Kept,
        gradient: &Tensor,
        attention: &Attention<'_>,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let active = swiglu(&kept.gate_up)?;
        let to_active = self.down.backward(&active, kept.down_low.as_ref(), gradient, gradients)?;
        drop(active);
        swiglu_backward(&kept.gate_up, &to_active)?;
        let normed = self.feed_forward_norm.forward(&kept.middle)?;
        let low = kept.gate_up_low.as_ref();
        let to_normed = self.gate_up.backward(&normed, low, &kept.gate_up, gradients)?;
        self.feed_forward_norm.backward(&kept.middle, &to_normed, gradient, gradients)?;
        let low = kept.mixed_low.as_ref();
        let to_mixed = self.attention_output.backward(&kept.mixed, low, gradient, gradients)?;
        let to_qkv = attention.backward(&kept.qkv, &kept.mixed, &to_mixed)?;
        let normed = self.attention_norm.forward(&kept.hidden)?;
        let to_normed = self.qkv.backward(&normed, kept.qkv_low.as_ref(), &to_qkv, gradients)?;
        self.attention_norm.backward(&kept.hidden, &to_normed, gradient, gradients)
    }
}

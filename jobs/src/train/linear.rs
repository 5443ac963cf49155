//! A linear layer with optional low-rank matrices beside it (Hu et al. 2021), forward and backward.
//!
//! Where the weight is frozen its gradient is never computed: that is a third of the arithmetic saved.

use candle_core::{Result, Tensor};

use super::gradients::{Gradients, Weight};
use super::product::add_low_rank;
use super::tensors::{change, lend, scale, turn};

/// One of the linear layers that share an input and lie side by side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Hugging Face's name, such as `self_attn.q_proj`.
    pub(crate) name: &'static str,
    /// Output columns.
    pub(crate) width: usize,
}

/// Linear layers with one input, side by side.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    /// `[in, out]`, the parts' columns one after another.
    pub(crate) weight: Weight,
    pub(crate) parts: Vec<Part>,
    pub(crate) low_rank: Option<LowRank>,
    /// Room for the weight turned round, `[out * in]` values or more. All layers share it: turning costs a
    /// quarter of what the tensor library takes for reading the weight across.
    pub(crate) turned: Tensor,
}

/// The low-rank matrices of all parts.
#[derive(Debug, Clone)]
pub(crate) struct LowRank {
    /// `[parts * rank, in]`
    pub(crate) a: Weight,
    /// `[rank, out]`, the parts' columns one after another.
    pub(crate) b: Weight,
    pub(crate) rank: usize,
    /// `alpha / rank`
    pub(crate) scale: f32,
}

/// What [`Linear::forward`] computed.
pub(crate) struct Output {
    /// `[rows, out]`
    pub(crate) values: Tensor,
    /// The scaled low-rank values `[rows, parts * rank]`, which the backward pass wants again.
    pub(crate) low: Option<Tensor>,
}

impl Linear {
    /// `input * (weight + scale * a * b)`
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Output> {
        let values = input.matmul(&self.weight.value)?;
        let Some(low_rank) = &self.low_rank else { return Ok(Output { values, low: None }) };
        let low = input.matmul(&low_rank.a.value.t()?)?;
        scale(&low, low_rank.scale)?;
        self.add_low(&values, &low, low_rank)?;
        Ok(Output { values, low: Some(low) })
    }

    fn add_low(&self, values: &Tensor, low: &Tensor, low_rank: &LowRank) -> Result<()> {
        let widths: Vec<usize> = self.parts.iter().map(|part| part.width).collect();
        let (low, b) = (lend(low)?, lend(&low_rank.b.value)?);
        change(values, |values| add_low_rank(&low, &b, low_rank.rank, &widths, values))
    }

    /// The gradient of the input. Those of what is trained here go to `gradients`.
    /// `low` is that of [`Output`].
    pub(crate) fn backward(
        &self,
        input: &Tensor,
        low: Option<&Tensor>,
        gradient: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        if let Some(slot) = self.weight.slot {
            gradients.add(slot, input.t()?.matmul(gradient)?)?;
        }
        let to_input = gradient.matmul(&self.turned_weight()?)?;
        if let (Some(low_rank), Some(low)) = (&self.low_rank, low) {
            let to_low = self.low_gradient(low_rank, low, gradient, gradients)?;
            if let Some(slot) = low_rank.a.slot {
                gradients.add(slot, to_low.t()?.matmul(input)?)?;
            }
            let (to_low, a) = (lend(&to_low)?, lend(&low_rank.a.value)?);
            let (rank, width) = (low_rank.rank * self.parts.len(), input.dim(1)?);
            change(&to_input, |target| add_low_rank(&to_low, &a, rank, &[width], target))?;
        }
        Ok(to_input)
    }

    /// `[out, in]`, until another layer asks.
    fn turned_weight(&self) -> Result<Tensor> {
        let weight = &self.weight.value;
        let (inputs, outputs) = weight.dims2()?;
        let turned = self.turned.narrow(0, 0, inputs * outputs)?.reshape((outputs, inputs))?;
        turn(weight, &turned)?;
        Ok(turned)
    }

    /// The gradient of the low-rank values before their scaling: `[rows, parts * rank]`.
    fn low_gradient(
        &self,
        low_rank: &LowRank,
        low: &Tensor,
        gradient: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<Tensor> {
        let rank = low_rank.rank;
        let (mut to_low, mut to_b) = (Vec::new(), Vec::new());
        let mut start = 0;
        for (part, Part { width, .. }) in self.parts.iter().enumerate() {
            let own = gradient.narrow(1, start, *width)?;
            let b = low_rank.b.value.narrow(1, start, *width)?;
            to_low.push(own.matmul(&b.t()?)?);
            to_b.push(low.narrow(1, part * rank, rank)?.t()?.matmul(&own)?);
            start += width;
        }
        if let Some(slot) = low_rank.b.slot {
            gradients.add(slot, Tensor::cat(&to_b, 1)?.contiguous()?)?;
        }
        let to_low = Tensor::cat(&to_low, 1)?.contiguous()?;
        scale(&to_low, low_rank.scale)?;
        Ok(to_low)
    }
}

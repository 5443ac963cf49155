//! Backward of the gated activation; its forward is [`crate::model::kernels::swiglu`].

use candle_core::{Result, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::tensors::{change, lend};
use crate::model::kernels::exp;

/// Turns gates and ups (`[rows, 2 * width]`) into their gradients where they lie, from the gradient of the
/// activation (`[rows, width]`).
pub(crate) fn swiglu_backward(gate_up: &Tensor, gradient: &Tensor) -> Result<()> {
    let width = gate_up.dim(1)?;
    let gradient = lend(gradient)?;
    change(gate_up, |gate_up| {
        let rows = gate_up.par_chunks_exact_mut(width).zip(gradient.par_chunks_exact(width / 2));
        rows.for_each(|(gate_up, gradient)| Arch::new().dispatch(Row { gate_up, gradient }));
    })
}

struct Row<'a> {
    gate_up: &'a mut [f32],
    gradient: &'a [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (gates, ups) = self.gate_up.split_at_mut(self.gradient.len());
        for ((gate, up), gradient) in gates.iter_mut().zip(ups).zip(self.gradient) {
            let sigmoid = 1.0 / (1.0 + exp::<S>(-*gate));
            let to_gate = gradient * *up * sigmoid * (1.0 + *gate * (1.0 - sigmoid));
            *up = gradient * *gate * sigmoid;
            *gate = to_gate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tensors::matrix;

    #[test]
    fn the_gradient_is_that_of_the_formula() {
        let silu = |x: f64| x / (1.0 + (-x).exp());
        for (gate, up) in [(0.3, 1.5), (-2.0, 0.7), (4.0, -1.0), (0.0, 2.0)] {
            let input = matrix(vec![gate as f32, up as f32], 2).unwrap();
            let gradient = matrix(vec![2.0], 1).unwrap();
            swiglu_backward(&input, &gradient).unwrap();
            let step = 1e-5;
            let slope = (silu(gate + step) - silu(gate - step)) / (2.0 * step);
            let expected = [2.0 * slope * up, 2.0 * silu(gate)];
            for (ours, expected) in lend(&input).unwrap().iter().zip(expected) {
                assert!((f64::from(*ours) - expected).abs() < 1e-5, "{gate} {up}: {ours} {expected}");
            }
        }
    }
}

//! Backward of the gated activation; its forward is [`crate::model::kernels::swiglu`].

use candle_core::{Result, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::tensors::{lend, matrix};
use crate::model::kernels::exp;

/// The gradient of `[rows, 2 * width]` (gate, then up) from that of `[rows, width]`.
pub(crate) fn swiglu_backward(gate_up: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let (rows, width) = gate_up.dims2()?;
    let (gate_up, gradient) = (lend(gate_up)?, lend(gradient)?);
    let mut output = vec![0.0; rows * width];
    let inputs = gate_up.par_chunks_exact(width).zip(gradient.par_chunks_exact(width / 2));
    output.par_chunks_exact_mut(width).zip(inputs).for_each(|(output, (gate_up, gradient))| {
        Arch::new().dispatch(Row { gate_up, gradient, output });
    });
    matrix(output, width)
}

struct Row<'a> {
    gate_up: &'a [f32],
    gradient: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gradient.len();
        let (gates, ups) = self.gate_up.split_at(width);
        let (to_gates, to_ups) = self.output.split_at_mut(width);
        let inputs = gates.iter().zip(ups).zip(self.gradient);
        for (((gate, up), gradient), (to_gate, to_up)) in inputs.zip(to_gates.iter_mut().zip(to_ups)) {
            let sigmoid = 1.0 / (1.0 + exp::<S>(-gate));
            *to_up = gradient * gate * sigmoid;
            *to_gate = gradient * up * sigmoid * (1.0 + gate * (1.0 - sigmoid));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_formula() {
        let silu = |x: f64| x / (1.0 + (-x).exp());
        for (gate, up) in [(0.3, 1.5), (-2.0, 0.7), (4.0, -1.0), (0.0, 2.0)] {
            let input = matrix(vec![gate as f32, up as f32], 2).unwrap();
            let gradient = matrix(vec![2.0], 1).unwrap();
            let output = swiglu_backward(&input, &gradient).unwrap();
            let step = 1e-5;
            let slope = (silu(gate + step) - silu(gate - step)) / (2.0 * step);
            let expected = [2.0 * slope * up, 2.0 * silu(gate)];
            for (ours, expected) in lend(&output).unwrap().iter().zip(expected) {
                assert!((f64::from(*ours) - expected).abs() < 1e-5, "{gate} {up}: {ours} {expected}");
            }
        }
    }
}

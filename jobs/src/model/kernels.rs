//! Loops that the tensor library does slowly or not at all: exponentials, softmax, gated activation.
//!
//! They are plain Rust; `pulp` compiles them for the machine's widest vectors.

use std::any::TypeId;

use candle_core::{CpuStorage, CustomOp1, InplaceOp2, Layout, Shape, Tensor};
use pulp::{Arch, Scalar, Simd, WithSimd};
use rayon::prelude::*;

/// `a * b + c`, in one instruction where the vectors `S` have it; elsewhere that would be a slow call.
#[inline(always)]
pub(crate) fn multiply_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if TypeId::of::<S>() == TypeId::of::<Scalar>() { a * b + c } else { a.mul_add(b, c) }
}

/// e to the power of `x`, within two units in the last place; NaN stays NaN.
///
/// Cody-Waite reduction and the polynomial of Cephes' `expf`, written without branches so that it vectorises.
#[inline(always)]
pub(crate) fn exp<S: Simd>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer.
    let x = x.clamp(-87.0, 88.0);
    let shifted = multiply_add::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<S>(n, 2.121_944_4e-4, multiply_add::<S>(n, -0.693_359_4, x));
    let mut p = 1.987_569_2e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = multiply_add::<S>(p, r, coefficient);
    }
    let fraction = multiply_add::<S>(p, r * r, r + 1.0);
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    fraction * f32::from_bits(power)
}

/// Turns scores into weights that sum to 1, in place.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(scores: &mut [f32]) {
    let top = scores.iter().fold(f32::NEG_INFINITY, |top, s| if *s > top { *s } else { top });
    let mut sums = [0.0f32; 16];
    let (blocks, rest) = scores.as_chunks_mut::<16>();
    for block in blocks {
        for (score, sum) in block.iter_mut().zip(&mut sums) {
            *score = exp::<S>(*score - top);
            *sum += *score;
        }
    }
    let mut total: f32 = sums.iter().sum();
    for score in rest {
        *score = exp::<S>(*score - top);
        total += *score;
    }
    let scale = 1.0 / total;
    scores.iter_mut().for_each(|score| *score *= scale);
}

/// `silu(gate) * up` over the last dimension, whose first half is the gate (Shazeer 2020, SwiGLU).
///
/// `[tokens, 2 * width]` becomes `[tokens, width]`.
pub(crate) fn swiglu(gate_up: &Tensor) -> candle_core::Result<Tensor> {
    gate_up.apply_op1_no_bwd(&SwiGlu)
}

struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (tokens, width) = layout.shape().dims2()?;
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("swiglu needs a contiguous input");
        };
        let input = &storage.as_slice::<f32>()?[start..end];
        let mut output = vec![0.0f32; tokens * width / 2];
        let rows = output.par_chunks_exact_mut(width / 2).zip(input.par_chunks_exact(width));
        rows.for_each(|(output, input)| Arch::new().dispatch(SwiGluRow { input, output }));
        Ok((CpuStorage::F32(output), Shape::from((tokens, width / 2))))
    }
}

struct SwiGluRow<'a> {
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for SwiGluRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (gate, up) = self.input.split_at(self.output.len());
        for ((output, gate), up) in self.output.iter_mut().zip(gate).zip(up) {
            *output = gate / (1.0 + exp::<S>(-gate)) * up;
        }
    }
}

/// Adds `delta` to `target` where it lies.
pub(crate) fn add_to(target: &Tensor, delta: &Tensor) -> candle_core::Result<()> {
    target.inplace_op2(delta, &AddTo)
}

struct AddTo;

impl InplaceOp2 for AddTo {
    fn name(&self) -> &'static str {
        "add-to"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        target_layout: &Layout,
        delta: &CpuStorage,
        delta_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(target), CpuStorage::F32(delta)) = (target, delta) else {
            candle_core::bail!("add-to needs 32-bit floats");
        };
        match (target_layout.contiguous_offsets(), delta_layout.contiguous_offsets()) {
            (Some((t0, t1)), Some((d0, d1))) if t1 - t0 == d1 - d0 => {
                target[t0..t1].iter_mut().zip(&delta[d0..d1]).for_each(|(target, delta)| *target += delta);
                Ok(())
            }
            _ => candle_core::bail!("add-to needs contiguous inputs of one size"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for i in -8_000..8_000 {
            let x = i as f32 / 100.0;
            let (ours, theirs) = (exp::<Scalar>(x), x.exp());
            assert!((ours - theirs).abs() <= 4e-7 * theirs, "{x}: {ours} {theirs}");
        }
    }

    #[test]
    fn exp_keeps_nan() {
        assert!(exp::<Scalar>(f32::NAN).is_nan());
    }

    #[test]
    fn softmax_sums_to_one() {
        let mut scores: Vec<f32> = (0..37).map(|i| (i as f32 * 1.7).sin() * 9.0).collect();
        softmax::<Scalar>(&mut scores);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn swiglu_agrees_with_the_tensor_library() {
        let values: Vec<f32> = (0..3 * 64).map(|i| (i as f32 * 0.37).sin() * 5.0).collect();
        let input = Tensor::from_vec(values, (3, 64), &Device::Cpu).unwrap();
        let expected = candle_nn::ops::swiglu(&input).unwrap();
        let difference = (swiglu(&input).unwrap() - expected).unwrap().abs().unwrap();
        assert!(difference.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-5);
    }
}

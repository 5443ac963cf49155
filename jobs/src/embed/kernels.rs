//! Loops between the matrix products: activation, and sum with normalisation, each with the bias of the
//! product before it.

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::model::kernels::{exp, multiply_add};

/// Rows that one thread works on at a time.
const ROWS: usize = 32;
/// Sums are kept in this many parts, which the compiler holds in one or two registers.
const LANES: usize = 16;

/// `x * Φ(x)` (Hendrycks and Gimpel 2016), with the error function by formula 7.1.26 of Abramowitz and
/// Stegun, which is off by at most 1.5e-7. Written so that nothing cancels for negative `x`.
#[inline(always)]
fn gelu<S: Simd>(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / multiply_add::<S>(size, 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2, 1.0);
    let mut p = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = multiply_add::<S>(p, t, coefficient);
    }
    let complement = p * t * exp::<S>(-0.5 * x * x);
    multiply_add::<S>(-0.5 * size, complement, x.max(0.0))
}

/// Adds a bias and applies GELU, in place, to rows as wide as the bias.
#[derive(Debug, Clone)]
pub(crate) struct AddGelu {
    pub(crate) bias: Vec<f32>,
}

struct GeluRows<'a> {
    bias: &'a [f32],
    rows: &'a mut [f32],
}

impl WithSimd for GeluRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact_mut(self.bias.len()) {
            for (value, bias) in row.iter_mut().zip(self.bias) {
                *value = gelu::<S>(*value + bias);
            }
        }
    }
}

impl AddGelu {
    fn apply(&self, values: &mut [f32]) {
        let rows = values.par_chunks_mut(ROWS * self.bias.len());
        rows.for_each(|rows| Arch::new().dispatch(GeluRows { bias: &self.bias, rows }));
    }
}

impl InplaceOp1 for AddGelu {
    fn name(&self) -> &'static str {
        "add-gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        self.apply(contiguous_mut(storage, layout)?);
        Ok(())
    }
}

/// Adds a bias and another row, then normalises to mean 0 and variance 1 (Ba et al. 2016), scales and
/// shifts, in place. All four are as wide as a row, which is a multiple of [`LANES`].
#[derive(Debug, Clone)]
pub(crate) struct AddNorm {
    pub(crate) bias: Vec<f32>,
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
    pub(crate) epsilon: f32,
}

struct NormRows<'a> {
    norm: &'a AddNorm,
    rows: &'a mut [f32],
    others: &'a [f32],
}

impl WithSimd for NormRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.norm.bias.len();
        for (row, other) in self.rows.chunks_exact_mut(width).zip(self.others.chunks_exact(width)) {
            self.norm.row::<S>(row, other);
        }
    }
}

impl AddNorm {
    /// `rows[i] = norm(rows[i] + others[i] + bias)`.
    pub(crate) fn apply(&self, rows: &mut [f32], others: &[f32]) {
        let count = ROWS * self.bias.len();
        let chunks = rows.par_chunks_mut(count).zip(others.par_chunks(count));
        chunks.for_each(|(rows, others)| Arch::new().dispatch(NormRows { norm: self, rows, others }));
    }

    #[inline(always)]
    fn row<S: Simd>(&self, row: &mut [f32], other: &[f32]) {
        let width = row.len() as f32;
        for ((value, other), bias) in row.iter_mut().zip(other).zip(&self.bias) {
            *value += other + bias;
        }
        let mean = sum(row, |sum, value| sum + value) / width;
        let square = |sum: f32, value: f32| multiply_add::<S>(value - mean, value - mean, sum);
        let factor = 1.0 / (sum(row, square) / width + self.epsilon).sqrt();
        for ((value, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
            *value = multiply_add::<S>((*value - mean) * factor, *scale, *shift);
        }
    }
}

/// A sum over a row, in parts that do not wait for each other.
#[inline(always)]
fn sum(row: &[f32], add: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    for block in row.as_chunks::<LANES>().0 {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum = add(*sum, *value);
        }
    }
    sums.iter().sum()
}

impl InplaceOp2 for AddNorm {
    fn name(&self) -> &'static str {
        "add-norm"
    }

    fn cpu_fwd(
        &self,
        rows: &mut CpuStorage,
        rows_layout: &Layout,
        others: &CpuStorage,
        others_layout: &Layout,
    ) -> candle_core::Result<()> {
        let others = match (others, others_layout.contiguous_offsets()) {
            (CpuStorage::F32(values), Some((start, end))) => &values[start..end],
            _ => candle_core::bail!("add-norm needs contiguous 32-bit floats"),
        };
        let rows = contiguous_mut(rows, rows_layout)?;
        if rows.len() != others.len() {
            candle_core::bail!("add-norm needs inputs of one size");
        }
        self.apply(rows, others);
        Ok(())
    }
}

fn contiguous_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> candle_core::Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("expected contiguous 32-bit floats in main memory"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tiny;
    use super::*;
    use pulp::Scalar;

    #[test]
    fn gelu_agrees_with_the_error_function() {
        for i in -5_000..5_000 {
            let x = i as f32 / 1_000.0;
            let error = (f64::from(gelu::<Scalar>(x)) - tiny::gelu(f64::from(x))).abs();
            assert!(error < 6e-7, "{x}: off by {error}");
        }
        assert_eq!(gelu::<Scalar>(50.0), 50.0);
        assert!(gelu::<Scalar>(-50.0).abs() < 1e-30);
        assert!(gelu::<Scalar>(f32::NAN).is_nan());
    }

    #[test]
    fn activation_adds_the_bias_of_each_column() {
        let op = AddGelu { bias: vec![0.0, 1.0, -1.0] };
        let mut values = vec![0.5; 3 * 70];
        op.apply(&mut values);
        for row in values.chunks(3) {
            for (value, sum) in row.iter().zip([0.5, 1.5, -0.5]) {
                assert!((value - gelu::<Scalar>(sum)).abs() < 1e-6, "{value} at {sum}");
            }
        }
    }

    #[test]
    fn normalised_rows_have_the_mean_and_width_asked_for() {
        let op = AddNorm { bias: vec![3.0; 32], scale: vec![2.0; 32], shift: vec![0.5; 32], epsilon: 1e-12 };
        let mut rows: Vec<f32> = (0..70 * 32).map(|i| (i as f32 * 0.7).sin()).collect();
        let others: Vec<f32> = (0..70 * 32).map(|i| (i as f32 * 1.3).cos()).collect();
        op.apply(&mut rows, &others);
        for row in rows.chunks(32) {
            let mean = row.iter().sum::<f32>() / 32.0;
            let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / 32.0;
            assert!((mean - 0.5).abs() < 1e-5 && (variance - 4.0).abs() < 1e-4, "{mean} {variance}");
        }
    }
}

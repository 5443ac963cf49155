//! Root-mean-square normalisation (Zhang and Sennrich 2019), forward and backward.

use candle_core::{Device, Result, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::gradients::{Gradients, Weight};
use super::product::dot;
use super::tensors::{change, lend, matrix};

/// Rows that one thread works on in one go; also the order in which the weight's gradient is summed.
const CHUNK: usize = 32;

/// The normalisation before a sub-layer.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    /// `[width]`
    pub(crate) weight: Weight,
    /// Added to the mean square.
    pub(crate) epsilon: f32,
}

impl Norm {
    /// `input / rms(input) * weight`, row by row.
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (rows, width) = input.dims2()?;
        let (input, weight) = (lend(input)?, lend(&self.weight.value)?);
        let mut output = vec![0.0; rows * width];
        let chunks = output.par_chunks_mut(CHUNK * width).zip(input.par_chunks(CHUNK * width));
        chunks.for_each(|(output, input)| {
            Arch::new().dispatch(Forward { input, weight: &weight, epsilon: self.epsilon, output });
        });
        matrix(output, width)
    }

    /// Adds the gradient of the input to `into`, where that of the way around the sub-layer already is.
    pub(crate) fn backward(
        &self,
        input: &Tensor,
        gradient: &Tensor,
        into: &Tensor,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let width = input.dim(1)?;
        let (input, gradient, weight) = (lend(input)?, lend(gradient)?, lend(&self.weight.value)?);
        let mut sums: Vec<Vec<f32>> = Vec::new();
        change(into, |output| {
            let rows = input.par_chunks(CHUNK * width).zip(gradient.par_chunks(CHUNK * width));
            let chunks = output.par_chunks_mut(CHUNK * width).zip(rows);
            let work = |(output, (input, gradient))| {
                let mut sum = if self.weight.slot.is_some() { vec![0.0; width] } else { Vec::new() };
                let epsilon = self.epsilon;
                let work = Backward { input, gradient, weight: &weight, epsilon, output, sum: &mut sum };
                Arch::new().dispatch(work);
                sum
            };
            sums = chunks.map(work).collect();
        })?;
        match self.weight.slot {
            Some(slot) => gradients.add(slot, Tensor::from_vec(total(&sums, width), width, &Device::Cpu)?),
            None => Ok(()),
        }
    }
}

fn total(sums: &[Vec<f32>], width: usize) -> Vec<f32> {
    let mut total = vec![0.0; width];
    for sum in sums {
        total.iter_mut().zip(sum).for_each(|(total, value)| *total += value);
    }
    total
}

#[inline(always)]
fn inverse_rms<S: Simd>(row: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot::<S>(row, row) / row.len() as f32 + epsilon).sqrt()
}

struct Forward<'a> {
    input: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    output: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.weight.len();
        for (input, output) in self.input.chunks_exact(width).zip(self.output.chunks_exact_mut(width)) {
            let inverse = inverse_rms::<S>(input, self.epsilon);
            for ((output, input), weight) in output.iter_mut().zip(input).zip(self.weight) {
                *output = input * inverse * weight;
            }
        }
    }
}

struct Backward<'a> {
    input: &'a [f32],
    gradient: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    output: &'a mut [f32],
    /// Where the weight's gradient is summed; empty where the weight is frozen.
    sum: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.weight.len();
        let mut weighted = vec![0.0; width];
        let rows = self.input.chunks_exact(width).zip(self.gradient.chunks_exact(width));
        for ((input, gradient), output) in rows.zip(self.output.chunks_exact_mut(width)) {
            let inverse = inverse_rms::<S>(input, self.epsilon);
            for ((product, gradient), weight) in weighted.iter_mut().zip(gradient).zip(self.weight) {
                *product = gradient * weight;
            }
            let pull = dot::<S>(&weighted, input) * inverse * inverse / width as f32;
            for ((output, product), input) in output.iter_mut().zip(&weighted).zip(input) {
                *output += (product - pull * input) * inverse;
            }
            for ((sum, gradient), input) in self.sum.iter_mut().zip(gradient).zip(input) {
                *sum += gradient * input * inverse;
            }
        }
    }
}

//! Rotary position embedding in half-rotation form (Su et al. 2021; the layout of Hugging Face's Llama).

use candle_core::{Device, Tensor};

use super::config::LlamaConfig;

/// Cosines and sines by position: each `[positions, head_dim / 2]`.
#[derive(Debug, Clone)]
pub(crate) struct Rope {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rope {
    /// Tables for positions below `positions`. `factors` divides each frequency (Llama 3.1's scaling).
    pub(crate) fn new(config: &LlamaConfig, factors: Option<&[f32]>, positions: usize) -> Self {
        let half = config.head_dim / 2;
        let frequencies = frequencies(config, factors);
        let mut cosines = Vec::with_capacity(positions * half);
        let mut sines = Vec::with_capacity(positions * half);
        for position in 0..positions {
            for frequency in &frequencies {
                let angle = position as f32 * frequency;
                cosines.push(angle.cos());
                sines.push(angle.sin());
            }
        }
        Self { half, cosines, sines }
    }

    /// Cosines and sines by position, each `[positions, head_dim / 2]` on this device.
    pub(crate) fn tables(&self, device: &Device) -> candle_core::Result<(Tensor, Tensor)> {
        let shape = (self.cosines.len() / self.half, self.half);
        let table = |values: &[f32]| Tensor::from_slice(values, shape, device);
        Ok((table(&self.cosines)?, table(&self.sines)?))
    }

    /// Rotates one head's vector (`head_dim` values) from `source` into `target`.
    #[inline(always)]
    pub(crate) fn rotate(&self, position: usize, source: &[f32], target: &mut [f32]) {
        let half = self.half;
        let cosines = &self.cosines[position * half..][..half];
        let sines = &self.sines[position * half..][..half];
        let (first, second) = source[..2 * half].split_at(half);
        let (out_first, out_second) = target[..2 * half].split_at_mut(half);
        for i in 0..half {
            out_first[i] = first[i] * cosines[i] - second[i] * sines[i];
            out_second[i] = first[i] * sines[i] + second[i] * cosines[i];
        }
    }
}

/// The angle by which each pair turns from one position to the next, `[head_dim / 2]`.
pub(crate) fn frequencies(config: &LlamaConfig, factors: Option<&[f32]>) -> Vec<f32> {
    let half = config.head_dim / 2;
    let exponent = |i: usize| 2.0 * i as f32 / config.head_dim as f32;
    let plain = (0..half).map(|i| config.rope_base.powf(-exponent(i)));
    match factors {
        None => plain.collect(),
        Some(factors) => plain.zip(factors).map(|(f, factor)| f / factor).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tiny;

    #[test]
    fn position_zero_leaves_the_vector_as_it_is() {
        let rope = Rope::new(&tiny::config(), None, 4);
        let source: Vec<f32> = (0..16).map(|i| i as f32).collect();
        let mut target = vec![0.0; 16];
        rope.rotate(0, &source, &mut target);
        assert_eq!(source, target);
    }

    #[test]
    fn rotation_keeps_the_length_and_depends_on_distance_alone() {
        let rope = Rope::new(&tiny::config(), None, 16);
        let source: Vec<f32> = (0..16).map(|i| (i as f32).sin()).collect();
        let product = |a: usize, b: usize| -> f32 {
            let (mut x, mut y) = (vec![0.0; 16], vec![0.0; 16]);
            rope.rotate(a, &source, &mut x);
            rope.rotate(b, &source, &mut y);
            x.iter().zip(&y).map(|(x, y)| x * y).sum()
        };
        assert!((product(3, 3) - product(0, 0)).abs() < 1e-4);
        assert!((product(5, 2) - product(12, 9)).abs() < 1e-4);
    }
}

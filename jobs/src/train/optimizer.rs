//! AdamW: Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).

use candle_core::Result;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::gradients::{Decay, Gradients, Parameter};
use super::tensors::{change, lend};

/// Decay of the running mean of the gradient.
const FIRST_DECAY: f64 = 0.9;
/// Decay of the running mean of its square.
const SECOND_DECAY: f64 = 0.999;
/// Keeps the division finite.
const EPSILON: f32 = 1e-8;
/// Values that one thread works on in one go.
const CHUNK: usize = 1 << 14;

/// Running means of one parameter's gradient and of its square.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moments {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

/// The optimiser with its running means, by slot.
#[derive(Debug)]
pub(crate) struct AdamW {
    pub(crate) moments: Vec<Moments>,
    weight_decay: f64,
}

/// The sizes of one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepSize {
    /// From 1: early means are corrected by it.
    pub(crate) step: u32,
    pub(crate) rate: f64,
    /// Gradients are multiplied by it: below 1 where they are clipped.
    pub(crate) factor: f64,
}

impl AdamW {
    pub(crate) fn new(parameters: &[Parameter], weight_decay: f64) -> Self {
        let zero = |parameter: &Parameter| {
            let count = parameter.value.elem_count();
            Moments { first: vec![0.0; count], second: vec![0.0; count] }
        };
        Self { moments: parameters.iter().map(zero).collect(), weight_decay }
    }

    /// Changes all parameters that have a gradient.
    pub(crate) fn step(
        &mut self,
        parameters: &[Parameter],
        gradients: &Gradients,
        size: StepSize,
    ) -> Result<()> {
        for (slot, parameter) in parameters.iter().enumerate() {
            let Some(gradient) = gradients.get(slot) else { continue };
            let decay = if parameter.decay == Decay::Yes { self.weight_decay } else { 0.0 };
            let constants = Constants::new(size, decay);
            let gradient = lend(gradient)?;
            let Moments { first, second } = &mut self.moments[slot];
            change(&parameter.value, |values| {
                let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
                let chunks = values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments);
                chunks.for_each(|((values, gradient), (first, second))| {
                    Arch::new().dispatch(Chunk { values, gradient, first, second, constants });
                });
            })?;
        }
        Ok(())
    }
}

/// What all values of a step share.
#[derive(Clone, Copy)]
struct Constants {
    factor: f32,
    /// What decay leaves of a value.
    keep: f32,
    /// The rate, corrected for the first mean's start at zero.
    rate: f32,
    /// Corrects the second mean's root in the same way.
    root: f32,
}

impl Constants {
    fn new(size: StepSize, decay: f64) -> Self {
        let correction = |decay: f64| 1.0 - decay.powi(size.step as i32);
        Self {
            factor: size.factor as f32,
            keep: (1.0 - size.rate * decay) as f32,
            rate: (size.rate / correction(FIRST_DECAY)) as f32,
            root: (1.0 / correction(SECOND_DECAY).sqrt()) as f32,
        }
    }
}

struct Chunk<'a> {
    values: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    constants: Constants,
}

impl WithSimd for Chunk<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Constants { factor, keep, rate, root } = self.constants;
        let (b1, b2) = (FIRST_DECAY as f32, SECOND_DECAY as f32);
        let (c1, c2) = ((1.0 - FIRST_DECAY) as f32, (1.0 - SECOND_DECAY) as f32);
        let moments = self.first.iter_mut().zip(self.second);
        for ((value, gradient), (first, second)) in self.values.iter_mut().zip(self.gradient).zip(moments) {
            let gradient = gradient * factor;
            *first = b1 * *first + c1 * gradient;
            *second = b2 * *second + c2 * gradient * gradient;
            *value = *value * keep - rate * *first / (second.sqrt() * root + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::tensors::matrix;

    fn parameter(values: &[f32], decay: Decay) -> Parameter {
        Parameter { name: "x".into(), value: matrix(values.to_vec(), values.len()).unwrap(), decay }
    }

    #[test]
    fn steps_follow_the_formula() {
        let parameters = [parameter(&[1.0, -2.0, 0.5], Decay::Yes)];
        let mut optimizer = AdamW::new(&parameters, 0.1);
        let (mut value, mut first, mut second) = (-2.0f64, 0.0f64, 0.0f64);
        for step in 1..=5 {
            let slope = f64::from(step) - 2.5;
            let mut gradients = Gradients::new(1);
            gradients.add(0, matrix(vec![3.0, slope as f32, 0.0], 3).unwrap()).unwrap();
            let size = StepSize { step, rate: 0.01, factor: 0.5 };
            optimizer.step(&parameters, &gradients, size).unwrap();
            let gradient = slope * 0.5;
            first = 0.9 * first + 0.1 * gradient;
            second = 0.999 * second + 0.001 * gradient * gradient;
            let corrected = second / (1.0 - 0.999f64.powi(step as i32));
            value -= 0.01 * 0.1 * value;
            value -= 0.01 * first / (1.0 - 0.9f64.powi(step as i32)) / (corrected.sqrt() + 1e-8);
        }
        let ours = lend(&parameters[0].value).unwrap()[1];
        assert!((f64::from(ours) - value).abs() < 1e-6, "{ours} {value}");
    }

    #[test]
    fn decay_spares_normalisation_weights_and_parameters_without_gradient() {
        let parameters = [parameter(&[1.0], Decay::No), parameter(&[1.0], Decay::Yes)];
        let mut optimizer = AdamW::new(&parameters, 0.5);
        let mut gradients = Gradients::new(2);
        gradients.add(0, matrix(vec![0.0], 1).unwrap()).unwrap();
        optimizer.step(&parameters, &gradients, StepSize { step: 1, rate: 0.1, factor: 1.0 }).unwrap();
        assert_eq!(
            (lend(&parameters[0].value).unwrap()[0], lend(&parameters[1].value).unwrap()[0]),
            (1.0, 1.0)
        );
    }
}

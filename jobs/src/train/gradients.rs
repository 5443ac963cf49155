//! What is trained, and the gradients on their way to the optimiser.

use candle_core::{Result, Tensor};

use super::tensors::{add, sum_of_squares};

/// A tensor of the network, and the slot of its gradient where it is trained.
#[derive(Debug, Clone)]
pub(crate) struct Weight {
    pub(crate) value: Tensor,
    pub(crate) slot: Option<usize>,
}

impl Weight {
    /// A tensor that stays as it is.
    pub(crate) fn frozen(value: Tensor) -> Self {
        Self { value, slot: None }
    }
}

/// Whether weight decay pulls a parameter towards zero: matrices yes, normalisation weights no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decay {
    Yes,
    No,
}

/// A tensor that the optimiser changes. It shares its memory with the network's [`Weight`].
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// Unique name, also in checkpoints.
    pub(crate) name: String,
    pub(crate) value: Tensor,
    pub(crate) decay: Decay,
}

/// All that is trained, by slot.
#[derive(Debug, Default)]
pub(crate) struct Parameters(pub(crate) Vec<Parameter>);

impl Parameters {
    /// Makes a tensor trained.
    pub(crate) fn add(&mut self, name: String, value: Tensor, decay: Decay) -> Weight {
        self.0.push(Parameter { name, value: value.clone(), decay });
        Weight { value, slot: Some(self.0.len() - 1) }
    }
}

/// Gradients by slot, summed over micro-batches.
#[derive(Debug)]
pub(crate) struct Gradients(Vec<Option<Tensor>>);

impl Gradients {
    /// No gradient yet for any of these many parameters.
    pub(crate) fn new(parameters: usize) -> Self {
        Self(vec![None; parameters])
    }

    /// Adds a gradient, which must own its memory.
    pub(crate) fn add(&mut self, slot: usize, gradient: Tensor) -> Result<()> {
        match &self.0[slot] {
            Some(sum) => add(sum, &gradient),
            None => {
                self.0[slot] = Some(gradient);
                Ok(())
            }
        }
    }

    /// The gradient of a slot; none where nothing reached it.
    pub(crate) fn get(&self, slot: usize) -> Option<&Tensor> {
        self.0[slot].as_ref()
    }

    /// Euclidean norm over all gradients.
    pub(crate) fn norm(&self) -> Result<f64> {
        let mut sum = 0.0;
        for gradient in self.0.iter().flatten() {
            sum += sum_of_squares(gradient)?;
        }
        Ok(sum.sqrt())
    }
}

//! The tensors of a training under the names that they have in checkpoints.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::error::TrainError;
use super::gradients::Parameter;
use super::optimizer::Moments;
use super::tensor_file::NamedValues;
use super::tensors::Lent;

/// What a tensor is to its parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// The parameter itself.
    Value,
    /// The optimiser's running mean of the gradient.
    First,
    /// The optimiser's running mean of the gradient's square.
    Second,
    /// The parameter at the best look at dev.
    Best,
}

impl Kind {
    fn name(self, parameter: &Parameter) -> String {
        let kind = match self {
            Self::Value => "value",
            Self::First => "first_moment",
            Self::Second => "second_moment",
            Self::Best => "best",
        };
        format!("{kind}.{}", parameter.name)
    }
}

/// All tensors of a training, by slot. `best` is empty before the first look at dev.
pub(crate) fn tensors<'a>(
    parameters: &[Parameter],
    values: &'a [Lent<'_>],
    moments: &'a [Moments],
    best: &'a [Vec<f32>],
) -> Vec<NamedValues<'a>> {
    let mut tensors = Vec::new();
    for (slot, parameter) in parameters.iter().enumerate() {
        let mut add = |kind: Kind, values: &'a [f32]| {
            let (name, values) = (kind.name(parameter), Cow::Borrowed(values));
            tensors.push(NamedValues { name, shape: vec![values.len()], values });
        };
        add(Kind::Value, &values[slot]);
        add(Kind::First, &moments[slot].first);
        add(Kind::Second, &moments[slot].second);
        if let Some(best) = best.get(slot) {
            add(Kind::Best, best);
        }
    }
    tensors
}

/// The values of a checkpoint, to be taken out one by one.
pub(crate) struct Values<'a>(pub(crate) &'a mut BTreeMap<String, Vec<f32>>);

impl Values<'_> {
    /// Takes out what a parameter needs.
    ///
    /// # Errors
    /// It is not there, or has another size.
    pub(crate) fn take(&mut self, kind: Kind, parameter: &Parameter) -> Result<Vec<f32>, TrainError> {
        let name = kind.name(parameter);
        let values = self.0.remove(&name).unwrap_or_default();
        let (found, expected) = (values.len(), parameter.value.elem_count());
        match found == expected {
            true => Ok(values),
            false => Err(TrainError::Values { name, found, expected }),
        }
    }
}

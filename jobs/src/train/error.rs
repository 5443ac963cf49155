//! Why a training cannot begin or go on.

use std::path::PathBuf;

use crate::durable_file::WriteError;
use crate::model::ModelError;

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The model to begin with cannot be loaded.
    #[error("cannot load the model `{path}`")]
    Load {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ModelError,
    },
    /// A parameter has a value that makes no sense.
    #[error("`{name}` is {found}; expected {expected}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// There is nothing to learn from.
    #[error("the {0} data have no example")]
    Empty(&'static str),
    /// An example cannot be turned into tokens to learn.
    #[error("the example `{id}` cannot be learned: {reason}")]
    Example {
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// Examples are longer than allowed.
    #[error("{count} examples have more than {limit} tokens: {ids}")]
    TooLong {
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
        /// The first of them, with their lengths.
        ids: String,
    },
    /// Loss or gradient went to infinity or NaN.
    #[error("{what} of step {step} is not a number: a lower learning rate may help")]
    Diverged {
        /// The optimiser step, from 1.
        step: u32,
        /// `the loss`, `the gradient` or `the dev loss`.
        what: &'static str,
    },
    /// A checkpoint comes from a training with another model, other data or other parameters.
    #[error("the checkpoint `{path}` belongs to another training: it has {found}, expected {expected}")]
    OtherTraining {
        /// The file.
        path: PathBuf,
        /// Identity in the file.
        found: String,
        /// Identity of this training.
        expected: String,
    },
    /// A checkpoint lacks a tensor of this training, or has it in another size.
    #[error("the checkpoint has {found} values for `{name}`; expected {expected}")]
    Values {
        /// The tensor's name in the file.
        name: String,
        /// Values in the file; 0 where it is not there.
        found: usize,
        /// Values of the parameter.
        expected: usize,
    },
    /// A checkpoint cannot be written.
    #[error("a checkpoint cannot be written")]
    Write(#[from] WriteError),
    /// The tensor library failed.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}

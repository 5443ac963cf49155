//! What can be wrong with an encoder's files or its numbers.

use std::path::PathBuf;

/// Why an encoder cannot be loaded or used.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what its format says.
    #[error("the {file} is malformed: {reason}")]
    Malformed {
        /// `config.json`, `safetensors header` and the like.
        file: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The weights are for another kind of network.
    #[error("`model_type` is `{found}`; expected `bert`")]
    Architecture {
        /// What the configuration says.
        found: String,
    },
    /// A setting has a value that cannot be met.
    #[error("`{key}` is {found}; expected {expected}")]
    Field {
        /// The key in the file.
        key: &'static str,
        /// What was found.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A tensor that the network needs is not there.
    #[error("tensor `{tensor}` is missing")]
    MissingTensor {
        /// Its name in the file.
        tensor: String,
    },
    /// A tensor has another shape than the configuration calls for.
    #[error("tensor `{tensor}` has shape {found:?}; expected {expected:?}")]
    Shape {
        /// Its name in the file.
        tensor: String,
        /// Its shape in the file, outermost first.
        found: Vec<usize>,
        /// The shape that the configuration calls for.
        expected: Vec<usize>,
    },
    /// A weight is NaN or infinite.
    #[error("tensor `{tensor}` has a value that is not finite")]
    NotFinite {
        /// Its name in the file.
        tensor: String,
    },
    /// The text cannot be turned into tokens.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// A text's vector is NaN, infinite or of no length.
    #[error("the vector of the text at place {index} is not a number")]
    Diverged {
        /// Its place in the call, from 0.
        index: usize,
    },
    /// The tensor library failed.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}

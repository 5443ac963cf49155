//! What can be wrong with a model's files or its numbers.

use std::path::PathBuf;

use super::device::DeviceError;

/// Why a model cannot be loaded or used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file that belongs to the model was not given.
    #[error("the model's files have no `{name}`; a safetensors model needs it beside its weights")]
    MissingFile {
        /// Its name in Hugging Face's layout.
        name: &'static str,
    },
    /// The beginning of the file is not what the format says.
    #[error("the header of the {format} file is malformed: {reason}")]
    Header {
        /// `GGUF` or `safetensors`.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A header field is missing or has an impossible value.
    #[error("`{key}` is {found}; expected {expected}")]
    Field {
        /// The key in the file.
        key: String,
        /// What was found.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// The weights are for another kind of network.
    #[error("the architecture is `{found}`; expected `llama`")]
    Architecture {
        /// What the file says.
        found: String,
    },
    /// A tensor that the architecture needs is not there.
    #[error("tensor `{tensor}` is missing")]
    MissingTensor {
        /// Its name in the file.
        tensor: String,
    },
    /// A tensor has another shape than the header's sizes call for.
    #[error("tensor `{tensor}` has shape {found:?}; expected {expected:?}")]
    Shape {
        /// Its name in the file.
        tensor: String,
        /// Its shape in the file, outermost first.
        found: Vec<usize>,
        /// The shape that the configuration calls for.
        expected: Vec<usize>,
    },
    /// A tensor's numbers are of a kind that cannot be read alone.
    #[error("tensor `{tensor}` holds {found}; expected F32, F16 or BF16")]
    Type {
        /// Its name in the file.
        tensor: String,
        /// What the file says.
        found: String,
    },
    /// An adapter has a tensor that belongs to no layer which its configuration names.
    #[error(
        "the adapter's tensor `{tensor}` belongs to none of the linear layers that its configuration names in the base's {layers} blocks"
    )]
    UnexpectedTensor {
        /// Its name in the file.
        tensor: String,
        /// Blocks of the base.
        layers: usize,
    },
    /// An adapter was made for another model.
    #[error("the adapter was trained on `{found}`, but the model is `{model}`")]
    OtherBase {
        /// The name in the adapter's configuration.
        found: String,
        /// The name of the model that is loaded.
        model: String,
    },
    /// An adapter was checked against another model than the one it is used with.
    #[error("the adapter of the segment at place {index} was loaded for a model of other sizes")]
    OtherSizes {
        /// Its place in the call.
        index: usize,
    },
    /// A cache was written to by a network that keeps its keys and values elsewhere.
    #[error("the cache holds what another network wrote: one in main memory and one on a device share none")]
    OtherMemory,
    /// The device that was asked for cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A tensor's bytes reach over the end of the file: the file was cut or its header lies.
    #[error("tensor `{tensor}` ends at byte {end}, but the file has {size}: it is truncated")]
    Truncated {
        /// Its name in the file.
        tensor: String,
        /// One past its last byte.
        end: u64,
        /// The file's size.
        size: u64,
    },
    /// A weight is NaN or infinite.
    #[error("tensor `{tensor}` has a value that is not finite")]
    NotFinite {
        /// Its name in the file.
        tensor: String,
    },
    /// The text cannot be turned into tokens, or back.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The chat template does not render.
    #[error("the chat template does not render: {0}")]
    Template(String),
    /// A prompt is longer than the model can read.
    #[error(
        "the prompt at place {index} has {tokens} tokens, and with {new} new ones it exceeds the model's context of {context}"
    )]
    TooLong {
        /// Its place in the call.
        index: usize,
        /// Its length.
        tokens: usize,
        /// New tokens asked for.
        new: usize,
        /// The model's limit.
        context: usize,
    },
    /// A prompt has a token that the weights know nothing of: the tokenizer is another model's.
    #[error("the prompt at place {index} has the token {token}; the weights know {vocabulary} tokens")]
    UnknownToken {
        /// Its place in the call.
        index: usize,
        /// The token.
        token: u32,
        /// Tokens that the weights know.
        vocabulary: usize,
    },
    /// A setting of a call is impossible.
    #[error("`{name}` is {found}; expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What was found.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The logits are NaN or infinite.
    #[error("the model's output is not a number")]
    Diverged,
    /// The tensor library failed.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}

//! Why a version cannot answer.

use std::path::PathBuf;

use empiric_endpoint::EndpointError;
use empiric_schema::artifact::Digest;

use crate::items::ItemsError;
use crate::model::ModelError;
use crate::retrieve::RetrieveError;
use crate::tools::ToolError;

/// Why a version cannot be loaded, or cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The job file does not say where an artifact is.
    #[error("the inputs have no path for {what} {digest}")]
    MissingInput {
        /// What it is for.
        what: &'static str,
        /// Its name.
        digest: Digest,
    },
    /// The version asks for what this runtime cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// The pool of demonstrations is unreadable.
    #[error("the demonstrations cannot be read")]
    Pool(#[source] ItemsError),
    /// The model's files are wrong.
    #[error("cannot load the model `{path}`")]
    Load {
        /// The weights.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ModelError,
    },
    /// Passages cannot be found.
    #[error("passages for the question cannot be found")]
    Retrieve(#[from] RetrieveError),
    /// The endpoint cannot be asked, or gave no answer.
    #[error("the endpoint could not answer")]
    Endpoint(#[from] EndpointError),
    /// The version's tools are not there.
    #[error("the tools cannot be made ready")]
    Tools(#[from] ToolError),
    /// The adapter's files are wrong, or belong to another model.
    #[error("cannot put the adapter `{path}` onto the model")]
    Adapter {
        /// Its weights.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ModelError,
    },
    /// The model failed while it answered.
    #[error("the model could not answer")]
    Model(#[from] ModelError),
}

//! Who answers a version's chats: weights in this process, or a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use empiric_schema::artifact::Digest;
use empiric_schema::version::{AnsweringModel, ModelBinding};

use super::endpoint::EndpointModel;
use super::error::AnswerError;
use crate::model::{LoadedModel, ModelError, load};

/// A model that is ready to answer.
#[derive(Debug, Clone)]
pub enum Engine {
    /// Weights in this process.
    Local(Box<LoadedModel>),
    /// A server.
    Endpoint(EndpointModel),
}

impl Engine {
    /// Loads weights from the paths of their artifacts, or prepares the client of an endpoint.
    ///
    /// # Errors
    /// An artifact without a path, damaged weights, an address that is refused, or a key that is not there.
    pub(super) fn open(
        model: &AnsweringModel,
        inputs: &BTreeMap<Digest, PathBuf>,
    ) -> Result<Self, AnswerError> {
        Ok(match model {
            AnsweringModel::Weights(model) => Self::Local(Box::new(load_weights(model, inputs)?)),
            AnsweringModel::Endpoint(model) => Self::Endpoint(EndpointModel::open(&model.endpoint)?),
        })
    }
}

fn load_weights(
    model: &ModelBinding,
    inputs: &BTreeMap<Digest, PathBuf>,
) -> Result<LoadedModel, AnswerError> {
    let weights = &model.weights.digest;
    let missing = || AnswerError::MissingInput { what: "the weights", digest: weights.clone() };
    let path = inputs.get(weights).ok_or_else(missing)?;
    load(path).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: ModelError) -> AnswerError {
    AnswerError::Load { path: path.to_owned(), source }
}

//! Who answers a version's chats: weights in this process, or a server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::version::{AnsweringModel, ModelBinding, SystemVersion};

use super::endpoint::EndpointModel;
use super::error::AnswerError;
use crate::model::{Adapter, LoadOptions, LoadedModel, ModelFiles, load_with};
use crate::model_cache::ModelCache;

/// A model that is ready to answer.
#[derive(Debug, Clone)]
pub enum Engine {
    /// Weights in this process, with the version's adapter.
    Local(Box<LoadedModel>),
    /// A server.
    Endpoint(EndpointModel),
}

impl Engine {
    /// Loads weights and adapter from the paths of their artifacts, or prepares the client of an endpoint.
    pub(super) fn open(
        version: &SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
        options: LoadOptions,
        models: &ModelCache,
    ) -> Result<Self, AnswerError> {
        match &version.model {
            AnsweringModel::Weights(binding) => {
                let files = model_files(binding, inputs)?;
                let failed = |source| AnswerError::Load { path: files.weights.clone(), source };
                let load = || load_with(&files, options).map_err(failed);
                // A clone shares the weights.
                let model = LoadedModel::clone(&*models.get_or_load(&binding.artifacts(), load)?);
                let adapter = adapter(&model, version, inputs)?;
                Ok(Self::Local(Box::new(model.with_adapter(adapter))))
            }
            AnsweringModel::Endpoint(binding) => Ok(Self::Endpoint(EndpointModel::open(&binding.endpoint)?)),
        }
    }

    /// The same engine under another version of the same model, with that version's adapter.
    pub(super) fn with_version(
        self,
        old: &SystemVersion,
        new: &SystemVersion,
        inputs: &BTreeMap<Digest, PathBuf>,
    ) -> Result<Self, AnswerError> {
        if !is_same_model(&old.model, &new.model) {
            return Err(AnswerError::Unsupported(
                "the version has other weights than those loaded, or another endpoint".to_owned(),
            ));
        }
        match self {
            Self::Local(model) if new.adapter != old.adapter => {
                let adapter = adapter(&model, new, inputs)?;
                Ok(Self::Local(Box::new(model.with_adapter(adapter))))
            }
            same => Ok(same),
        }
    }
}

/// Another catalogue name for the same weights is the same model.
fn is_same_model(one: &AnsweringModel, other: &AnsweringModel) -> bool {
    match (one.weights(), other.weights()) {
        (Some(one), Some(other)) => one.weights == other.weights && one.files == other.files,
        _ => one == other,
    }
}

/// Where the files of a model lie.
fn model_files(model: &ModelBinding, inputs: &BTreeMap<Digest, PathBuf>) -> Result<ModelFiles, AnswerError> {
    let mut files = BTreeMap::new();
    for (name, artifact) in &model.files {
        files.insert(name.clone(), path(inputs, "a file of the model", artifact)?.clone());
    }
    Ok(ModelFiles { weights: path(inputs, "the weights", &model.weights)?.clone(), files })
}

/// The version's adapter, checked against the loaded weights.
fn adapter(
    model: &LoadedModel,
    version: &SystemVersion,
    inputs: &BTreeMap<Digest, PathBuf>,
) -> Result<Option<Arc<Adapter>>, AnswerError> {
    let Some(adapter) = &version.adapter else {
        return Ok(None);
    };
    let config = path(inputs, "the adapter's configuration", &adapter.config)?;
    let weights = path(inputs, "the adapter's weights", &adapter.weights)?;
    let loaded = model.load_adapter(config, weights, version.model.id().as_str());
    loaded.map(Some).map_err(|source| AnswerError::Adapter { path: weights.clone(), source })
}

fn path<'a>(
    inputs: &'a BTreeMap<Digest, PathBuf>,
    what: &'static str,
    artifact: &ArtifactRef,
) -> Result<&'a PathBuf, AnswerError> {
    let missing = || AnswerError::MissingInput { what, digest: artifact.digest.clone() };
    inputs.get(&artifact.digest).ok_or_else(missing)
}

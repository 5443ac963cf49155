//! What a process keeps from one job to the next: loaded weights, and which inputs are known to be whole.
//! Nothing else survives a job.

use empiric_schema::job::JobKind;

use super::inputs::Verified;
use crate::error::JobError;
use crate::model::{DeviceChoice, DeviceError};
use crate::model_cache::ModelCache;

/// How many jobs the process runs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// One, of any kind.
    #[default]
    Once,
    /// One after another, only of kinds that leave their model as it is.
    Serving,
}

/// What outlives a job.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) models: ModelCache,
    pub(crate) verified: Verified,
    usage: Use,
    /// Why the device that the environment names cannot be used.
    refused: Option<DeviceError>,
}

impl Kept {
    /// For a process, with the device that its environment names.
    pub(crate) fn new(usage: Use) -> Self {
        let (device, refused) = match DeviceChoice::from_environment() {
            Ok(device) => (device, None),
            Err(error) => (DeviceChoice::default(), Some(error)),
        };
        Self { models: ModelCache::on(device), usage, refused, ..Self::default() }
    }

    /// Refuses every job where the device cannot be used, and kinds that would change what is kept.
    pub(crate) fn check(&self, kind: &JobKind) -> Result<(), JobError> {
        if let Some(error) = &self.refused {
            return Err(error.clone().into());
        }
        if self.usage == Use::Once || kind.warm_model().is_some() {
            return Ok(());
        }
        Err(JobError::Parameters(format!("a warm runner runs no jobs of kind `{}`", kind.name())))
    }
}

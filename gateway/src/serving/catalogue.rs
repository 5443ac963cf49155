//! What is served now: an exposure with its loaded versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use empiric_jobs::answer::{AnswerError, Answerer};
use empiric_jobs::model_cache::ModelCache;
use empiric_schema::artifact::Digest;
use empiric_schema::exposure::Exposure;

use super::files::{FilesError, VersionFiles};
use super::lane::Lane;
use crate::error::GatewayError;
use crate::settings::Settings;
use crate::store::Store;

/// An exposure, and all its versions loaded.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) exposure: Exposure,
    lanes: BTreeMap<Digest, Arc<Lane>>,
}

/// Why a version cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// No row has it.
    #[error("the version {0} is not known here")]
    Unknown(Digest),
    /// A row that was changed, or written wrongly.
    #[error("the version {0} is another one than its name says")]
    Misnamed(Digest),
    /// The database.
    #[error("the database failed")]
    Database(#[from] GatewayError),
    /// Its files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Its files are damaged, or do not belong together.
    #[error("the version {0} cannot be loaded")]
    Load(Digest, #[source] AnswerError),
    /// The thread that loaded it broke down.
    #[error("the version {0} broke the loader")]
    Broken(Digest),
}

impl Served {
    /// The lane of a version of this exposure.
    pub(crate) fn lane(&self, version: &Digest) -> Option<&Arc<Lane>> {
        self.lanes.get(version)
    }

    /// All lanes, in the order of their versions.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.values()
    }

    /// The same versions under what is stricter of two exposures: what was loaded answers, for nobody more than the
    /// new exposure allows.
    pub(crate) fn held_back(&self, wanted: &Exposure) -> Self {
        let stage = self.exposure.stage.min(wanted.stage);
        let exposure = Exposure { stage, canary: None, shadow: None, ..self.exposure.clone() };
        Self { exposure, lanes: self.lanes.clone() }
    }
}

/// Loads what an exposure names, beside what is loaded already.
pub(crate) async fn load(
    exposure: Exposure,
    old: Option<&Served>,
    store: &Store,
    files: &dyn VersionFiles,
    settings: &Settings,
) -> Result<Served, LoadError> {
    let mut lanes = BTreeMap::new();
    // Weights that several of the versions share are loaded once.
    let models = Arc::new(ModelCache::default());
    for digest in exposure.versions() {
        let lane = match old.and_then(|old| old.lane(digest)) {
            Some(lane) => lane.clone(),
            None => {
                Arc::new(load_one(digest, &exposure.project, store, files, settings, models.clone()).await?)
            }
        };
        lanes.insert(digest.clone(), lane);
    }
    Ok(Served { exposure, lanes })
}

async fn load_one(
    digest: &Digest,
    project: &str,
    store: &Store,
    files: &dyn VersionFiles,
    settings: &Settings,
    models: Arc<ModelCache>,
) -> Result<Lane, LoadError> {
    let found = store.version(project, digest).await?;
    let (label, version) = found.ok_or_else(|| LoadError::Unknown(digest.clone()))?;
    if version.digest() != *digest {
        return Err(LoadError::Misnamed(digest.clone()));
    }
    let paths = files.fetch(&version).await?;
    let loading = tokio::task::spawn_blocking(move || Answerer::load_cached(version, &paths, &models));
    let answerer = loading.await.map_err(|_| LoadError::Broken(digest.clone()))?;
    let answerer = answerer.map_err(|error| LoadError::Load(digest.clone(), error))?;
    Ok(Lane::start(answerer, label, settings))
}

//! What a gateway is made of: files of versions from the artifact store, and the address that others find it by.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use empiric_activities::adapters::artifact_store::{ArtifactStore, StoreError};
use empiric_activities::adapters::durable;
use empiric_activities::adapters::signing_key::SigningKey;
use empiric_gateway::steer::Steering;
use empiric_gateway::{
    Bound, Courier, FilesError, Gateway, Parts, Seal, Settings, Signer, VersionFiles, bind,
};
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::version::SystemVersion;

use crate::cli::TemporalArgs;
use crate::courier;
use crate::error::CliError;
use crate::place::{self, Place};
use crate::steering::Steersman;

/// Name of the file in the state folder that says where the gateway is.
const ADDRESS_FILE: &str = "gateway.url";

/// Name of the file with the key that decisions about drafts were signed with before there was one key.
const EARLIER_KEY: &str = "review.key";

/// The project's key, which signs decisions about drafts as it signs releases.
#[derive(Debug)]
struct ProjectKey(SigningKey);

impl Signer for ProjectKey {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign_bytes(message)
    }

    fn is_genuine(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.is_genuine(message, signature)
    }
}

/// Versions' files, linked out of the artifact store.
#[derive(Debug)]
struct StoredFiles {
    store: ArtifactStore,
    folder: PathBuf,
}

#[async_trait]
impl VersionFiles for StoredFiles {
    async fn fetch(&self, version: &SystemVersion) -> Result<BTreeMap<Digest, PathBuf>, FilesError> {
        let mut paths = BTreeMap::new();
        for artifact in version.artifacts() {
            let path = self.fetch_one(artifact).await.map_err(|error| FilesError(error.into()))?;
            paths.insert(artifact.digest.clone(), path);
        }
        Ok(paths)
    }
}

impl StoredFiles {
    /// Verified each time: what is served is what was measured.
    async fn fetch_one(&self, artifact: &ArtifactRef) -> Result<PathBuf, StoreError> {
        let path = self.folder.join(artifact.digest.hex());
        self.store.fetch_to(artifact, &path).await?;
        Ok(path)
    }
}

/// Opens a gateway over the state folder and takes its address.
pub async fn open(
    temporal: &TemporalArgs,
    place: &Place,
    settings: Settings,
    listen: SocketAddr,
) -> Result<Bound, CliError> {
    let folder = place.state.join("serving");
    place::make(&folder)?;
    let (database, key) = (place.database().await?, SigningKey::open(&place.state)?);
    let parts = Parts {
        database: database.connection().clone(),
        files: Arc::new(StoredFiles { store: place.store()?, folder }),
        seal: Seal::new(Arc::new(ProjectKey(key))).with_earlier(&place.state.join(EARLIER_KEY))?,
        courier: courier_of(place)?,
        steering: Steersman::new(temporal, place).await?.map(|one| Arc::new(one) as Arc<dyn Steering>),
        settings,
    };
    Ok(bind(Gateway::open(parts).await?, listen).await?)
}

fn courier_of(place: &Place) -> Result<Option<Arc<dyn Courier>>, CliError> {
    courier::of(&place.spec()?).map_err(|error| CliError::Argument(error.to_string()))
}

/// Says to others where the gateway is, until it is dropped.
#[derive(Debug)]
pub struct Announced {
    path: PathBuf,
}

impl Announced {
    /// Writes the address.
    pub fn new(place: &Place, address: SocketAddr) -> Result<Self, CliError> {
        let path = place.state.join(ADDRESS_FILE);
        let text = format!("http://{address}");
        let failed = |source| CliError::File { action: "write", path: path.clone(), source };
        durable::write_atomically(&path, text.as_bytes()).map_err(failed)?;
        Ok(Self { path })
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // One that stays behind names an address where nobody answers, which is said then.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The address that a gateway of this state folder announced.
pub fn announced(state: &Path) -> Option<String> {
    std::fs::read_to_string(state.join(ADDRESS_FILE)).ok()
}

//! Local copies of input artifacts, one for all jobs of a worker.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use empiric_schema::artifact::{ArtifactRef, Digest};
use tokio::sync::Mutex;

use super::error::JobFailure;
use super::key::Stamp;
use crate::adapters::artifact_store::ArtifactStore;

/// The folder of local copies. A copy is verified when this worker first uses it, and again
/// whenever its size or time of change is another.
#[derive(Debug)]
pub(super) struct Inputs {
    folder: PathBuf,
    verified: Mutex<HashMap<Digest, Stamp>>,
}

impl Inputs {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, verified: Mutex::default() }
    }

    /// The local path of each artifact, in job files' form.
    pub(super) async fn fetch(
        &self,
        store: &ArtifactStore,
        artifacts: &[&ArtifactRef],
    ) -> Result<BTreeMap<Digest, PathBuf>, JobFailure> {
        // Held over the fetch, so that jobs that start together fetch the weights once.
        let mut verified = self.verified.lock().await;
        let mut paths = BTreeMap::new();
        for artifact in artifacts {
            let path = self.folder.join(artifact.digest.hex());
            let known = verified.get(&artifact.digest);
            if known.is_none() || Stamp::of(&path).ok().as_ref() != known {
                store.fetch_to(artifact, &path).await.map_err(JobFailure::store)?;
                let stamp = Stamp::of(&path).map_err(|error| JobFailure::io("read", &path, error))?;
                verified.insert(artifact.digest.clone(), stamp);
            }
            paths.insert(artifact.digest.clone(), path);
        }
        Ok(paths)
    }
}

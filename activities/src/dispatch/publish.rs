//! Outputs into the store, and outcomes on record.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::JobOutcome;
use empiric_schema::job::{Exit, ExitClass, OUTPUT_FOLDER, OutputFile};

use super::error::JobFailure;
use crate::adapters::artifact_store::ArtifactStore;
use crate::adapters::durable::{blocking, measure_file};

/// The recorded outcome of a job, in its folder.
pub(super) const OUTCOME_FILE: &str = "outcome.json";

/// The recorded outcome, if there is one and the store still has all of its outputs.
pub(super) async fn recorded(folder: &Path, store: &ArtifactStore) -> Result<Option<JobOutcome>, JobFailure> {
    let Ok(bytes) = fs::read(folder.join(OUTCOME_FILE)) else {
        return Ok(None);
    };
    let Ok(outcome) = serde_json::from_slice::<JobOutcome>(&bytes) else {
        tracing::warn!(folder = %folder.display(), "a recorded outcome does not read; the job runs again");
        return Ok(None);
    };
    for artifact in outcome.outputs.values() {
        if !store.contains(artifact).await.map_err(JobFailure::store)? {
            return Ok(None);
        }
    }
    Ok(Some(JobOutcome { reused: true, ..outcome }))
}

/// Verifies the files that a job says it left, and stores them.
pub(super) async fn outputs(
    attempt: &Path,
    exit: &Exit,
    wanted: &[String],
    store: &ArtifactStore,
) -> Result<BTreeMap<String, ArtifactRef>, JobFailure> {
    let results = exit.findings.evaluation.as_ref().map(|evaluation| &evaluation.results);
    if let Some(missing) = wanted.iter().chain(results).find(|name| !exit.outputs.contains_key(*name)) {
        let message = format!("the job says that it succeeded but left no output `{missing}`");
        return Err(JobFailure::new(ExitClass::BugOrUnknown, message));
    }
    let mut published = BTreeMap::new();
    for (name, promised) in &exit.outputs {
        let path = output_path(attempt, name)?;
        verify(name, &path, promised).await?;
        let artifact = store.put_file(&path, &promised.media_type).await.map_err(JobFailure::store)?;
        check(name, promised, &artifact.digest.to_string())?;
        published.insert(name.clone(), artifact);
    }
    Ok(published)
}

/// A name is a plain file name and the file no link: a job may not publish what is not its own.
fn output_path(attempt: &Path, name: &str) -> Result<PathBuf, JobFailure> {
    let mut parts = Path::new(name).components();
    let is_plain =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    let path = attempt.join(OUTPUT_FOLDER).join(name);
    if is_plain && fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
        return Ok(path);
    }
    let message =
        format!("the output `{name}` that the job names is no file in its `{OUTPUT_FOLDER}` folder");
    Err(JobFailure::new(ExitClass::BugOrUnknown, message))
}

async fn verify(name: &str, path: &Path, promised: &OutputFile) -> Result<(), JobFailure> {
    let owned = path.to_owned();
    let measured = blocking(move || measure_file(&owned)).await;
    let measured = measured.map_err(|error| JobFailure::io("read", path, error))?;
    check(name, promised, &measured.digest.to_string())
}

fn check(name: &str, promised: &OutputFile, found: &str) -> Result<(), JobFailure> {
    if promised.digest.to_string() == found {
        return Ok(());
    }
    let message =
        format!("the output `{name}` has the digest {found}, but the job promised {}", promised.digest);
    Err(JobFailure::new(ExitClass::ArtifactCorrupt, message))
}

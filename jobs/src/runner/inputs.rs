//! Checks that each input is what its digest says, before anything reads it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::job::JobFile;
use sha2::{Digest as _, Sha256};

use crate::error::JobError;

/// Checks size and digest of all inputs.
pub(crate) fn verify(file: &JobFile) -> Result<(), JobError> {
    for artifact in file.spec.artifacts() {
        let digest = &artifact.digest;
        let path = file.inputs.get(digest).ok_or_else(|| JobError::MissingInput(digest.clone()))?;
        verify_file(&weights_in(path), artifact)?;
    }
    Ok(())
}

/// In a model's folder it is the weights that the digest names.
fn weights_in(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("model.safetensors") } else { path.to_owned() }
}

fn verify_file(path: &Path, artifact: &ArtifactRef) -> Result<(), JobError> {
    let failed = |source| JobError::ReadInput { path: path.to_owned(), source };
    let corrupt =
        |found: String, expected: String| JobError::Corrupt { path: path.to_owned(), found, expected };
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    if size != artifact.size {
        return Err(corrupt(format!("{size} bytes"), format!("{} bytes", artifact.size)));
    }
    let found = digest(&mut file).map_err(failed)?;
    if found != artifact.digest {
        return Err(corrupt(found.to_string(), artifact.digest.to_string()));
    }
    Ok(())
}

fn digest(file: &mut File) -> std::io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_hash(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

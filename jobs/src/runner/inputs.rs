//! Checks that each input is what its digest says, before anything reads it.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::job::JobFile;
use sha2::{Digest as _, Sha256};

use crate::error::JobError;

/// The inputs of the last job that this process has verified, so that the next one need not read them again.
#[derive(Debug, Default)]
pub(crate) struct Verified(HashMap<Digest, (PathBuf, Stamp)>);

/// What any change of a file changes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last change of the contents, and of the last change at all.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Checks size and digest of all inputs; those that are known and have not changed since are not read.
pub(crate) fn verify(file: &JobFile, known: &mut Verified) -> Result<(), JobError> {
    let mut verified = HashMap::new();
    for artifact in file.spec.artifacts() {
        let digest = &artifact.digest;
        let path = file.inputs.get(digest).ok_or_else(|| JobError::MissingInput(digest.clone()))?;
        let path = weights_in(path);
        let stamp = verify_file(&path, artifact, known.0.get(digest))?;
        verified.insert(digest.clone(), (path, stamp));
    }
    known.0 = verified;
    Ok(())
}

/// In a model's folder it is the weights that the digest names.
fn weights_in(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("model.safetensors") } else { path.to_owned() }
}

fn verify_file(
    path: &Path,
    artifact: &ArtifactRef,
    known: Option<&(PathBuf, Stamp)>,
) -> Result<Stamp, JobError> {
    let failed = |source| JobError::ReadInput { path: path.to_owned(), source };
    let corrupt =
        |found: String, expected: String| JobError::Corrupt { path: path.to_owned(), found, expected };
    let mut file = File::open(path).map_err(failed)?;
    // Taken before the file is read: a change while it is read shows the next time.
    let stamp = Stamp::of(&file.metadata().map_err(failed)?);
    if stamp.size != artifact.size {
        return Err(corrupt(format!("{} bytes", stamp.size), format!("{} bytes", artifact.size)));
    }
    if known.is_some_and(|(known, before)| known == path && *before == stamp) {
        return Ok(stamp);
    }
    let found = digest(&mut file).map_err(failed)?;
    if found != artifact.digest {
        return Err(corrupt(found.to_string(), artifact.digest.to_string()));
    }
    Ok(stamp)
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

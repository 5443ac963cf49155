//! The content-addressed artifact store.
//!
//! An object's place is `sha256/ab/cdef...`: its digest and nothing else, so that no label, id or
//! name from a spec ever becomes a path. Objects never change; whoever reads one gets bytes that
//! hash to the digest asked for, or an error. Who wants which artifact, and how long it is kept, is
//! left to the callers.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use empiric_schema::artifact::{ArtifactRef, Digest};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::durable::{self, Measured, StagedFile, blocking};

pub use error::StoreError;

mod error;
mod upload;

#[cfg(test)]
mod tests;

/// A content-addressed store over any object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    objects: Arc<dyn ObjectStore>,
    /// The folder of a local store, which can link files instead of copying them.
    root: Option<PathBuf>,
    /// Where the store is, for people.
    place: String,
}

impl ArtifactStore {
    /// Opens the store in a local folder, which is created if need be. Writes are synced to disk.
    pub fn local(folder: &Path) -> Result<Self, StoreError> {
        let open = || -> Result<_, object_store::Error> {
            fs::create_dir_all(folder).map_err(|error| generic(error.into()))?;
            let root = fs::canonicalize(folder).map_err(|error| generic(error.into()))?;
            Ok((Arc::new(LocalFileSystem::new_with_prefix(&root)?.with_fsync(true)), root))
        };
        let place = folder.display().to_string();
        let (objects, root) = open().map_err(|error| StoreError::of(&place, "open", error))?;
        Ok(Self { objects, root: Some(root), place })
    }

    /// Opens a store on any object store; `place` is its name for people, such as `s3://bucket`.
    pub fn new(objects: Arc<dyn ObjectStore>, place: impl Into<String>) -> Self {
        Self { objects, root: None, place: place.into() }
    }

    /// Stores bytes. Storing the same bytes again costs one read and repairs a damaged object.
    pub async fn put_bytes(
        &self,
        bytes: impl Into<Bytes>,
        media_type: &str,
    ) -> Result<ArtifactRef, StoreError> {
        let bytes: Bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let artifact = ArtifactRef { digest, size: bytes.len() as u64, media_type: media_type.into() };
        if !self.holds_intact(&artifact).await? {
            let put = self.objects.put(&object_path(&artifact.digest), bytes.into()).await;
            put.map_err(|error| self.fault("write", error))?;
            tracing::debug!(digest = %artifact.digest, size = artifact.size, "stored an artifact");
        }
        Ok(artifact)
    }

    /// Stores a file without holding it in memory. A file that changes meanwhile is refused.
    pub async fn put_file(&self, path: &Path, media_type: &str) -> Result<ArtifactRef, StoreError> {
        let Measured { digest, size } = measured(path).await?;
        let artifact = ArtifactRef { digest, size, media_type: media_type.into() };
        if !self.holds_intact(&artifact).await? {
            upload::file(self, path, &artifact).await?;
            tracing::debug!(digest = %artifact.digest, size, "stored an artifact");
        }
        Ok(artifact)
    }

    /// The bytes of an artifact, verified. For small artifacts: they are held in memory.
    pub async fn get_bytes(&self, artifact: &ArtifactRef) -> Result<Bytes, StoreError> {
        let got = self.objects.get(&object_path(&artifact.digest)).await;
        let bytes = match got {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        let bytes = bytes.map_err(|error| self.missing_or_fault(artifact, error))?;
        let found = Measured { digest: Digest::of(&bytes), size: bytes.len() as u64 };
        self.check(artifact, &found)?;
        Ok(bytes)
    }

    /// Puts a verified copy under `path`, whole or not at all. A local store links instead of
    /// copying where it can: treat the file as read-only.
    pub async fn fetch_to(&self, artifact: &ArtifactRef, path: &Path) -> Result<(), StoreError> {
        match &self.root {
            Some(root) => self.link(artifact, local_path(root, &artifact.digest), path).await,
            None => self.download(artifact, path).await,
        }
    }

    /// Whether an object of the right digest and size is there. The bytes are not read.
    pub async fn contains(&self, artifact: &ArtifactRef) -> Result<bool, StoreError> {
        match self.objects.head(&object_path(&artifact.digest)).await {
            Ok(meta) => Ok(meta.size == artifact.size),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.fault("look up", error)),
        }
    }

    /// Whether the object is there and hashes to its name, so that it need not be written.
    async fn holds_intact(&self, artifact: &ArtifactRef) -> Result<bool, StoreError> {
        if !self.contains(artifact).await? {
            return Ok(false);
        }
        let stream = self.stream(artifact).await?;
        Ok(self.drain(stream).await? == artifact.digest)
    }

    async fn stream(
        &self,
        artifact: &ArtifactRef,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>, StoreError> {
        let found = self.objects.get(&object_path(&artifact.digest)).await;
        found.map(|found| found.into_stream()).map_err(|error| self.missing_or_fault(artifact, error))
    }

    async fn drain(
        &self,
        mut stream: BoxStream<'static, object_store::Result<Bytes>>,
    ) -> Result<Digest, StoreError> {
        let mut hash = Sha256::new();
        while let Some(chunk) = stream.next().await {
            hash.update(&chunk.map_err(|error| self.fault("read", error))?);
        }
        Ok(Digest::from_hash(&hash.finalize()))
    }

    async fn link(&self, artifact: &ArtifactRef, object: PathBuf, path: &Path) -> Result<(), StoreError> {
        let measured = blocking({
            let object = object.clone();
            move || durable::measure_file(&object)
        });
        let found = measured.await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => self.missing(artifact),
            _ => self.io_fault("read", error),
        })?;
        self.check(artifact, &found)?;
        let target = path.to_owned();
        let linked = blocking(move || link_or_copy(&object, &target)).await;
        linked.map_err(|error| StoreError::io(path, "write", error))
    }

    async fn download(&self, artifact: &ArtifactRef, path: &Path) -> Result<(), StoreError> {
        let write = |error| StoreError::io(path, "write", error);
        let mut stream = self.stream(artifact).await?;
        let staged = StagedFile::beside(path).map_err(write)?;
        let mut file = staged.file.try_clone().map(tokio::fs::File::from_std).map_err(write)?;
        let (mut hash, mut size) = (Sha256::new(), 0);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| self.fault("read", error))?;
            hash.update(&chunk);
            size += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(write)?;
        }
        file.flush().await.map_err(write)?;
        self.check(artifact, &Measured { digest: Digest::from_hash(&hash.finalize()), size })?;
        let target = path.to_owned();
        blocking(move || staged.publish(&target)).await.map_err(write)
    }

    fn check(&self, artifact: &ArtifactRef, found: &Measured) -> Result<(), StoreError> {
        if found.digest == artifact.digest {
            return Ok(());
        }
        Err(StoreError::Corrupt {
            expected: artifact.digest.clone(),
            found: found.digest.clone(),
            expected_size: artifact.size,
            found_size: found.size,
            place: self.place.clone(),
        })
    }

    fn missing(&self, artifact: &ArtifactRef) -> StoreError {
        StoreError::Missing { digest: artifact.digest.clone(), place: self.place.clone() }
    }

    fn missing_or_fault(&self, artifact: &ArtifactRef, error: object_store::Error) -> StoreError {
        match error {
            object_store::Error::NotFound { .. } => self.missing(artifact),
            error => self.fault("read", error),
        }
    }

    fn fault(&self, action: &'static str, error: object_store::Error) -> StoreError {
        StoreError::of(&self.place, action, error)
    }

    fn io_fault(&self, action: &'static str, error: io::Error) -> StoreError {
        self.fault(action, generic(error.into()))
    }
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> object_store::Error {
    object_store::Error::Generic { store: "artifact store", source }
}

/// The only place where a digest becomes a path: `sha256/ab/cdef...`.
fn object_path(digest: &Digest) -> ObjectPath {
    let (head, tail) = digest.hex().split_at(2);
    ObjectPath::from_iter(["sha256", head, tail])
}

fn local_path(root: &Path, digest: &Digest) -> PathBuf {
    let (head, tail) = digest.hex().split_at(2);
    root.join("sha256").join(head).join(tail)
}

async fn measured(path: &Path) -> Result<Measured, StoreError> {
    let owned = path.to_owned();
    let measured = blocking(move || durable::measure_file(&owned)).await;
    measured.map_err(|error| StoreError::io(path, "read", error))
}

/// Links, or copies where the file systems differ or forbid links, then renames into place.
fn link_or_copy(object: &Path, path: &Path) -> io::Result<()> {
    let staged = durable::temporary_name(path)?;
    if fs::hard_link(object, &staged).is_err() {
        return copy(object, path);
    }
    let published = durable::publish(&staged, path);
    // Renaming one link of a file over another link of it does nothing and leaves the first.
    match fs::remove_file(&staged) {
        Err(error) if error.kind() != ErrorKind::NotFound => published.and(Err(error)),
        _ => published,
    }
}

fn copy(object: &Path, path: &Path) -> io::Result<()> {
    let staged = StagedFile::beside(path)?;
    io::copy(&mut File::open(object)?, &mut &staged.file)?;
    staged.publish(path)
}

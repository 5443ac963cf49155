//! Streams a file into the store and publishes it only if it still hashes to the digest promised.

use std::path::Path;

use bytes::Bytes;
use empiric_schema::artifact::{ArtifactRef, Digest};
use object_store::buffered::BufWriter;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{ArtifactStore, StoreError, object_path};
use crate::adapters::durable::CHUNK;

/// Parts of 10 MB on their way at once: enough to hide the disk, little enough for a small machine.
const PARTS_IN_FLIGHT: usize = 2;

/// Uploads in parts of bounded size; an upload that is not finished is never visible.
pub(super) async fn file(
    store: &ArtifactStore,
    path: &Path,
    artifact: &ArtifactRef,
) -> Result<(), StoreError> {
    let read = |error| StoreError::io(path, "read", error);
    let mut source = File::open(path).await.map_err(read)?;
    let target = object_path(&artifact.digest);
    let mut upload = BufWriter::new(store.objects.clone(), target).with_max_concurrency(PARTS_IN_FLIGHT);
    let mut hash = Sha256::new();
    loop {
        let chunk = next_chunk(&mut source).await.map_err(read)?;
        if chunk.is_empty() {
            break;
        }
        hash.update(&chunk);
        if let Err(error) = upload.put(chunk).await {
            abandon(&mut upload).await;
            return Err(store.fault("write", error));
        }
    }
    if Digest::from_hash(&hash.finalize()) != artifact.digest {
        abandon(&mut upload).await;
        return Err(StoreError::Changed { path: path.to_owned() });
    }
    upload.shutdown().await.map_err(|error| store.io_fault("write", error))
}

async fn next_chunk(source: &mut File) -> std::io::Result<Bytes> {
    let mut chunk = Vec::with_capacity(CHUNK);
    source.take(CHUNK as u64).read_to_end(&mut chunk).await?;
    Ok(chunk.into())
}

/// Tells the object store to forget the parts. If that fails too, the first error matters more, and
/// the parts stay invisible.
async fn abandon(upload: &mut BufWriter) {
    if let Err(error) = upload.abort().await {
        tracing::warn!(%error, "could not abort an unfinished upload");
    }
}

//! Where the files of a version are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use empiric_schema::artifact::Digest;
use empiric_schema::version::SystemVersion;

/// The files of a version cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the files of the version cannot be had")]
pub struct FilesError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Brings the files of versions to this machine, verified: each hashes to its digest.
#[async_trait]
pub trait VersionFiles: fmt::Debug + Send + Sync {
    /// A path for every artifact of the version.
    async fn fetch(&self, version: &SystemVersion) -> Result<BTreeMap<Digest, PathBuf>, FilesError>;
}

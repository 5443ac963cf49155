//! `npm://`: packages of the npm registry, and files inside them, through the ordinary npm client.
//!
//! `npm pack` fetches a tarball and checks it against the registry's own digest. It installs nothing
//! and runs no script of the package.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::cache::LockedSlot;
use super::client;
use super::error::Fault;
use super::part::base_name;
use super::progress::{Phase, Progress, Transfer};
use crate::adapters::archive::{self, ArchiveError, Limits, Selection};
use crate::adapters::durable::blocking;

mod pack;

/// A package, or a file or folder in it.
#[derive(Debug, Clone)]
pub(super) struct PackagePath {
    pub(super) package: String,
    pub(super) version: String,
    /// `None` is the tarball.
    pub(super) path: Option<String>,
}

impl PackagePath {
    /// A name for people.
    fn label(&self) -> &str {
        let name = self.path.as_ref().unwrap_or(&self.package);
        name.rsplit('/').next().unwrap_or(name)
    }
}

/// Downloads the package and unpacks the wanted part; gives the file or folder.
pub(super) async fn fetch(
    wanted: &PackagePath,
    slot: &LockedSlot,
    environment: &BTreeMap<String, String>,
    progress: &dyn Progress,
) -> Result<PathBuf, Fault> {
    // Whatever an earlier attempt left is of no use: npm does not continue its downloads.
    slot.discard()?;
    let staging = slot.staging()?;
    pack::download(wanted, &staging, environment, progress).await?;
    let tarball = client::left(&staging, "tgz", "npm")?;
    let Some(path) = wanted.path.clone() else {
        return Ok(tarball);
    };
    let size = fs::metadata(&tarball).map(|meta| meta.len()).ok();
    let (label, phase) = (wanted.label(), Phase::Unpacking);
    progress.report(Transfer { label, phase, done: size.unwrap_or(0), total: size });
    unpack(path, tarball, staging.join("unpacked"), slot.clone()).await
}

async fn unpack(path: String, tarball: PathBuf, folder: PathBuf, slot: LockedSlot) -> Result<PathBuf, Fault> {
    let shown = tarball.clone();
    let unpacked = blocking(move || {
        let outcome = unpack_below_root(&path, &tarball, &folder);
        drop(slot);
        Ok(outcome)
    });
    match unpacked.await.map_err(|error| Fault::file(&shown, "unpack", error))? {
        Ok(found) => Ok(found),
        Err(ArchiveError::Io { path, source }) => Err(Fault::file(&path, "unpack", source)),
        Err(source) => Err(Fault::Archive { archive: base_name(&shown), source }),
    }
}

/// A package lies in one folder of its tarball, which is nearly always called `package`.
fn unpack_below_root(path: &str, tarball: &Path, folder: &Path) -> Result<PathBuf, ArchiveError> {
    let open = || File::open(tarball).map_err(|source| ArchiveError::Io { path: tarball.to_owned(), source });
    let root = archive::top_folder_of_tar_gz(open()?)?;
    let inside = format!("{root}/{path}");
    archive::unpack_tar_gz(open()?, folder, &Limits::default(), &Selection::Path(inside.clone()))?;
    Ok(folder.join(inside))
}

//! `pypi://`: files inside wheels, through the ordinary pip client.
//!
//! Only wheels are accepted: a source package would run code on being downloaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::cache::LockedSlot;
use super::client;
use super::error::Fault;
use super::part::base_name;
use super::progress::{Phase, Progress, Transfer};
use crate::adapters::archive::{self, ArchiveError, Limits, Selection};
use crate::adapters::durable::blocking;

mod pip;

/// A file or folder in a wheel.
#[derive(Debug, Clone)]
pub(super) struct WheelPath {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) path: String,
}

/// Downloads the wheel and unpacks the wanted part; gives the file or folder.
pub(super) async fn fetch(
    wanted: &WheelPath,
    slot: &LockedSlot,
    environment: &BTreeMap<String, String>,
    progress: &dyn Progress,
) -> Result<PathBuf, Fault> {
    // Whatever an earlier attempt left is of no use: pip does not continue its downloads.
    slot.discard()?;
    let staging = slot.staging()?;
    pip::download(wanted, &staging, environment, progress).await?;
    let wheel = client::left(&staging, "whl", "pip")?;
    let total = fs::metadata(&wheel).map(|meta| meta.len()).ok();
    progress.report(Transfer {
        label: wanted.label(),
        phase: Phase::Unpacking,
        done: total.unwrap_or(0),
        total,
    });
    unpack(wanted, wheel, staging.join("unpacked"), slot.clone()).await
}

impl WheelPath {
    /// The file's name, for people.
    fn label(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

async fn unpack(
    wanted: &WheelPath,
    wheel: PathBuf,
    folder: PathBuf,
    slot: LockedSlot,
) -> Result<PathBuf, Fault> {
    let name = base_name(&wheel);
    let path = wanted.path.clone();
    let found = folder.join(&path);
    let shown = wheel.clone();
    let unpacked = blocking(move || {
        let selection = Selection::Path(path);
        let outcome = archive::unpack_zip(&wheel, &folder, &Limits::default(), &selection);
        drop(slot);
        Ok(outcome)
    });
    match unpacked.await.map_err(|error| Fault::file(&shown, "unpack", error))? {
        Ok(()) => Ok(found),
        Err(ArchiveError::Io { path, source }) => Err(Fault::file(&path, "unpack", source)),
        Err(source) => Err(Fault::Archive { archive: name, source }),
    }
}

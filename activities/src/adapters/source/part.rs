//! A download that can be taken up again where it stopped.
//!
//! The bytes so far are in `download.part`; `download.json` says which version of the resource they
//! are of (an entity tag or a date). Bytes are only ever appended to a part of the same version.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use super::cache::LockedSlot;
use super::error::Fault;
use super::progress::{Phase, Progress, Transfer};
use crate::adapters::durable;

/// What is known of the resource that a part belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Meta {
    /// Entity tag or modification date, whatever the server compares.
    validator: Option<String>,
}

/// An unfinished download.
pub(super) struct Part<'a> {
    pub(super) path: PathBuf,
    meta: PathBuf,
    label: &'a str,
    /// Whether a pinned digest will catch a part that was continued wrongly.
    pinned: bool,
    progress: &'a dyn Progress,
    // Keeps other processes out for as long as the part is written.
    _slot: LockedSlot,
}

impl<'a> Part<'a> {
    pub(super) fn new(
        slot: &LockedSlot,
        label: &'a str,
        pinned: bool,
        progress: &'a dyn Progress,
    ) -> Result<Self, Fault> {
        let staging = slot.staging()?;
        let (path, meta) = (staging.join("download.part"), staging.join("download.json"));
        Ok(Self { path, meta, label, pinned, progress, _slot: slot.clone() })
    }

    /// The version that the bytes so far are of.
    pub(super) fn validator(&self) -> Option<String> {
        let meta: Option<Meta> =
            fs::read(&self.meta).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        meta.and_then(|meta| meta.validator)
    }

    /// Where to go on: the number of bytes there are, or 0 if nothing says what they are of.
    pub(super) fn offset(&self) -> u64 {
        let known = self.pinned || self.validator().is_some();
        let length = fs::metadata(&self.path).map(|meta| meta.len());
        if known { length.unwrap_or(0) } else { 0 }
    }

    /// Starts anew with the first byte of a version.
    pub(super) fn restart(&self, validator: Option<String>) -> Result<(), Fault> {
        let begin = || -> io::Result<()> {
            File::create(&self.path)?;
            durable::write_atomically(&self.meta, &serde_json::to_vec(&Meta { validator })?)
        };
        begin().map_err(|error| Fault::file(&self.path, "write", error))
    }

    /// Appends what arrives; `total` is the whole size, counted from the first byte of the resource.
    pub(super) async fn append<S, E>(&self, mut body: S, total: Option<u64>) -> Result<(), Fault>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let write = |error| Fault::file(&self.path, "write", error);
        let file = OpenOptions::new().append(true).open(&self.path).map_err(write)?;
        let mut done = file.metadata().map_err(write)?.len();
        let mut file = tokio::fs::File::from_std(file);
        let mut broken = None;
        while let Some(chunk) = body.next().await {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            };
            file.write_all(&chunk).await.map_err(write)?;
            done += chunk.len() as u64;
            self.progress.report(Transfer { label: self.label, phase: Phase::Fetching, done, total });
        }
        // What did arrive is kept also when the connection broke: the next try goes on from there.
        file.flush().await.map_err(write)?;
        file.sync_all().await.map_err(write)?;
        match broken {
            Some(error) => Err(Fault::network(format!("the connection broke after {done} bytes"), error)),
            None => complete(done, total),
        }
    }

    /// The finished file.
    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }
}

fn complete(done: u64, total: Option<u64>) -> Result<(), Fault> {
    match total {
        Some(total) if done < total => Err(Fault::Network {
            what: format!("the transfer ended after {done} of {total} bytes"),
            source: None,
        }),
        Some(total) if done > total => {
            Err(Fault::Damaged { what: format!("{done} bytes came where {total} were announced") })
        }
        _ => Ok(()),
    }
}

/// Names a path in messages without the folders around it.
pub(super) fn base_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

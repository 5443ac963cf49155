//! The cache of fetched sources.
//!
//! Each source has a folder named by the digest of its text:
//! ```text
//! <cache>/sources/<digest>/lock          held while fetching
//!                          staging/      unfinished work; a `.part` file in it is continued
//!                          content/NAME  the file or folder
//!                          record.json   written last: without it nothing is there
//! ```

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use empiric_schema::artifact::Digest;
use empiric_schema::source::SourceRef;
use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::lock::Lock;
use super::tree::{self, Resolved, SourceFile, SourceKind};
use crate::adapters::durable;

/// What the cache knows of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The text of the reference.
    pub source: String,
    /// Digest of the content, as in [`Resolved::digest`].
    pub digest: Digest,
    /// Bytes of all files together.
    pub size: u64,
    /// File or folder.
    pub kind: SourceKind,
    /// Path of the content relative to the record.
    pub path: String,
    /// When it was fetched, in seconds since 1970.
    pub fetched: u64,
}

/// What a look into the cache found.
#[derive(Debug)]
pub(super) enum Found {
    /// The content, verified.
    Intact(Box<Resolved>),
    /// Content that does not hash to the digest on record.
    Damaged(Record, PathBuf),
    /// Nothing that was ever finished.
    Nothing,
}

/// The folder of one source.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) folder: PathBuf,
    source: SourceRef,
}

/// A slot whose lock this process holds. Work that outlives its task keeps a clone.
#[derive(Debug, Clone)]
pub(super) struct LockedSlot {
    slot: Slot,
    _lock: Arc<Lock>,
}

impl Slot {
    pub(super) fn new(cache: &Path, source: &SourceRef) -> Self {
        let key = Digest::of(source.to_string().as_bytes());
        Self { folder: cache.join("sources").join(key.hex()), source: source.clone() }
    }

    pub(super) fn record_path(&self) -> PathBuf {
        self.folder.join("record.json")
    }

    /// The record, if the source was ever fetched. One that cannot be read counts as none.
    pub(super) fn record(&self) -> io::Result<Option<Record>> {
        match fs::read(self.record_path()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the record and verifies the content against it.
    pub(super) fn look(&self) -> io::Result<Found> {
        let Some(record) = self.record()? else {
            return Ok(Found::Nothing);
        };
        let path = self.content_path();
        let (kind, files) = match tree::measure(&path) {
            Ok(measured) => measured,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Found::Damaged(record, path));
            }
            Err(error) => return Err(error),
        };
        let resolved = Resolved::new(self.source.clone(), path.clone(), kind, files);
        Ok(if resolved.digest == record.digest {
            Found::Intact(Box::new(resolved))
        } else {
            Found::Damaged(record, path)
        })
    }

    pub(super) async fn lock(self, waiting: impl Fn()) -> Result<LockedSlot, Fault> {
        let lock = Lock::acquire(&self.folder.join("lock"), waiting).await?;
        Ok(LockedSlot { slot: self, _lock: Arc::new(lock) })
    }

    /// The content keeps its file name, for readers that go by the extension, if it is a plain one.
    fn content_path(&self) -> PathBuf {
        let name = self.source.file_name();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let usable = !name.starts_with('.') && name.len() <= 120 && name.chars().all(plain);
        self.folder.join("content").join(if usable { name } else { "data" })
    }
}

impl LockedSlot {
    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The folder for unfinished work, created if need be.
    pub(super) fn staging(&self) -> Result<PathBuf, Fault> {
        let staging = self.slot.folder.join("staging");
        let made = fs::create_dir_all(&staging);
        made.map_err(|error| Fault::file(&staging, "create", error))?;
        Ok(staging)
    }

    /// Removes the unfinished work, so that the next fetch starts anew.
    pub(super) fn discard(&self) -> Result<(), Fault> {
        let staging = self.slot.folder.join("staging");
        remove(&staging).map_err(|error| Fault::file(&staging, "remove", error))
    }

    /// Measures what was fetched, checks it against the pinned digest and the record of an earlier
    /// fetch, and makes it the source's content.
    pub(super) fn publish(&self, fetched: &Path) -> Result<Resolved, Fault> {
        let slot = &self.slot;
        let read = |error| Fault::file(fetched, "read", error);
        let (kind, files) = tree::measure(fetched).map_err(read)?;
        self.check(&tree::digest_of(kind, &files)).inspect_err(|_| self.discard().unwrap_or(()))?;
        let content = slot.content_path();
        self.replace(fetched, &content).map_err(|error| Fault::file(&content, "write", error))?;
        let moved = files.into_iter().map(|file| self.moved(file, kind, &content)).collect();
        let resolved = Resolved::new(slot.source.clone(), content, kind, moved);
        let written = self.write_record(&resolved);
        written.map_err(|error| Fault::file(&slot.record_path(), "write", error))?;
        self.discard()?;
        Ok(resolved)
    }

    fn check(&self, found: &Digest) -> Result<(), Fault> {
        if let Some(expected) = self.slot.source.expected.as_ref().filter(|expected| *expected != found) {
            return Err(Fault::Mismatch { expected: expected.clone(), found: found.clone() });
        }
        let record = self.slot.record_path();
        let earlier = self.slot.record().map_err(|error| Fault::file(&record, "read", error))?;
        match earlier {
            Some(earlier) if earlier.digest != *found => {
                Err(Fault::Changed { recorded: earlier.digest, found: found.clone(), record })
            }
            _ => Ok(()),
        }
    }

    fn replace(&self, fetched: &Path, content: &Path) -> io::Result<()> {
        let folder = self.slot.folder.join("content");
        remove(&folder)?;
        fs::create_dir_all(&folder)?;
        durable::publish(fetched, content)?;
        durable::sync_folder(&self.slot.folder)
    }

    fn moved(&self, file: SourceFile, kind: SourceKind, content: &Path) -> SourceFile {
        match kind {
            SourceKind::File => {
                let name = content.file_name().map(|name| name.to_string_lossy().into_owned());
                SourceFile { name: name.unwrap_or_default(), path: content.to_owned(), ..file }
            }
            _ => SourceFile { path: content.join(&file.name), ..file },
        }
    }

    fn write_record(&self, resolved: &Resolved) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let relative = resolved.path.strip_prefix(&self.slot.folder).unwrap_or(&resolved.path);
        let record = Record {
            source: self.slot.source.to_string(),
            digest: resolved.digest.clone(),
            size: resolved.size,
            kind: resolved.kind,
            path: relative.to_string_lossy().into_owned(),
            fetched: now.as_secs(),
        };
        durable::write_atomically(&self.slot.record_path(), &serde_json::to_vec_pretty(&record)?)
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

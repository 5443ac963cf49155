//! Safe unpacking of archives that somebody else made.
//!
//! An archive is untrusted input. It is unpacked into a fresh folder, whole or not at all as far as
//! the caller can see (the caller publishes the folder), and refused when it
//! - holds a link, a device or anything but plain files and folders,
//! - names an absolute path, a parent, a backslash or a control character,
//! - names one file twice, or lets entries share bytes,
//! - has more entries, more bytes or a higher compression ratio than [`Limits`] allow; what is
//!   counted is what comes out, for headers lie.
//!
//! Which archive to trust, and its digest, are left to the callers.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::durable::CHUNK;

pub use tar_files::{top_folder_of_tar_gz, unpack_tar_gz};
pub use zip_files::unpack_zip;

mod tar_files;
mod zip_files;

#[cfg(test)]
mod tests;

/// What an archive may hold at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Number of entries, folders included.
    pub entries: usize,
    /// Sum of the unpacked sizes in bytes.
    pub total_bytes: u64,
    /// Unpacked bytes for each byte of the archive, watched once `ratio_from` bytes are out.
    pub ratio: u64,
    /// Unpacked bytes below which the ratio does not matter.
    pub ratio_from: u64,
}

impl Default for Limits {
    /// Room for a large model; deflate reaches at most about 1030 to 1, real data seldom 20 to 1.
    fn default() -> Self {
        Self { entries: 100_000, total_bytes: 64 << 30, ratio: 200, ratio_from: 16 << 20 }
    }
}

/// Which entries to unpack. All entries are checked either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Everything.
    All,
    /// The file of this name, or everything in the folder of this name. `/` separates parts.
    Path(String),
}

impl Selection {
    fn takes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Path(path) => {
                name.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

/// Why an archive was refused or could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// An entry's path could lead out of the folder, or is no plain path.
    #[error("entry `{entry}` has an unsafe path")]
    UnsafePath {
        /// The name as written in the archive, escaped.
        entry: String,
    },
    /// An entry is a link, a device or something else that is neither file nor folder.
    #[error("entry `{entry}` is a {kind}; only plain files and folders are unpacked")]
    NotPlain {
        /// Name of the entry.
        entry: String,
        /// What it is.
        kind: &'static str,
    },
    /// Two entries have one name, or overlap.
    #[error("entry `{entry}` appears twice")]
    Duplicate {
        /// Name of the entry.
        entry: String,
    },
    /// More than the limits allow.
    #[error("the archive has more than {limit} {what}")]
    TooMuch {
        /// The limit that was passed.
        limit: u64,
        /// What is limited.
        what: &'static str,
    },
    /// The archive is damaged or of a kind that is not supported.
    #[error("the archive is damaged or not supported: {reason}")]
    Malformed {
        /// What the reader said.
        reason: String,
    },
    /// The selected path is not in the archive.
    #[error("`{path}` is not in the archive; it has {}", nearby.join(", "))]
    NotFound {
        /// The path looked for.
        path: String,
        /// Some names that are there.
        nearby: Vec<String>,
    },
    /// Reading the archive or writing a file failed.
    #[error("could not unpack to {}", path.display())]
    Io {
        /// The folder being filled.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Fills a fresh folder and keeps count.
struct Unpacker<'a> {
    folder: &'a Path,
    limits: &'a Limits,
    selection: &'a Selection,
    /// Size of the archive, or of the part read so far.
    packed: u64,
    unpacked: u64,
    names: BTreeSet<String>,
    taken: usize,
}

impl<'a> Unpacker<'a> {
    /// Creates `folder`, which must not exist: nothing can wait there for a file to be written to.
    fn new(folder: &'a Path, limits: &'a Limits, selection: &'a Selection) -> Result<Self, ArchiveError> {
        let io = |source| ArchiveError::Io { path: folder.to_owned(), source };
        fs::create_dir_all(folder.parent().unwrap_or(folder)).map_err(io)?;
        fs::create_dir(folder).map_err(io)?;
        let names = BTreeSet::new();
        Ok(Self { folder, limits, selection, packed: 0, unpacked: 0, names, taken: 0 })
    }

    /// Checks an entry's name and says whether it is selected.
    fn admit(&mut self, name: &str) -> Result<bool, ArchiveError> {
        let name = plain(name)?;
        if self.names.len() == self.limits.entries {
            return Err(ArchiveError::TooMuch { limit: self.limits.entries as u64, what: "entries" });
        }
        if !self.names.insert(name.to_owned()) {
            return Err(ArchiveError::Duplicate { entry: name.to_owned() });
        }
        let taken = self.selection.takes(name);
        self.taken += usize::from(taken);
        Ok(taken)
    }

    fn folder(&self, name: &str) -> Result<(), ArchiveError> {
        fs::create_dir_all(self.folder.join(plain(name)?)).map_err(|source| self.io(source))
    }

    /// Writes one file of `size` bytes. `packed` gives the archive bytes read so far.
    fn file(
        &mut self,
        name: &str,
        size: u64,
        mut content: impl Read,
        packed: impl Fn() -> u64,
    ) -> Result<(), ArchiveError> {
        let path = self.folder.join(plain(name)?);
        let mut file = create(&path).map_err(|source| self.io(source))?;
        let mut chunk = vec![0; CHUNK];
        let before = self.unpacked;
        loop {
            let count = content.read(&mut chunk).map_err(|error| self.unreadable(error))?;
            if count == 0 {
                break;
            }
            self.packed = packed();
            self.count(count as u64)?;
            file.write_all(&chunk[..count]).map_err(|source| self.io(source))?;
        }
        if self.unpacked - before != size {
            return Err(ArchiveError::Malformed { reason: format!("`{name}` has not the size it declares") });
        }
        file.sync_all().map_err(|source| self.io(source))
    }

    fn count(&mut self, bytes: u64) -> Result<(), ArchiveError> {
        self.unpacked += bytes;
        if self.unpacked > self.limits.total_bytes {
            return Err(ArchiveError::TooMuch { limit: self.limits.total_bytes, what: "bytes" });
        }
        let allowed = self.limits.ratio.saturating_mul(self.packed.max(1));
        if self.unpacked > self.limits.ratio_from && self.unpacked > allowed {
            return Err(ArchiveError::TooMuch {
                limit: self.limits.ratio,
                what: "bytes for each byte packed",
            });
        }
        Ok(())
    }

    /// After the last entry: was the selected path there at all?
    fn finish(&self) -> Result<(), ArchiveError> {
        match self.selection {
            Selection::Path(path) if self.taken == 0 => Err(ArchiveError::NotFound {
                path: path.clone(),
                nearby: self
                    .names
                    .iter()
                    .filter(|name| !name.contains(".dist-info/"))
                    .take(8)
                    .cloned()
                    .collect(),
            }),
            _ => Ok(()),
        }
    }

    fn io(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Io { path: self.folder.to_owned(), source }
    }

    /// A reader's complaint is about the archive's content, unless the system raised it.
    fn unreadable(&self, error: io::Error) -> ArchiveError {
        match error.raw_os_error() {
            Some(_) => self.io(error),
            None => ArchiveError::Malformed { reason: error.to_string() },
        }
    }
}

/// Creates a file that was not there, without ever following a link.
fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().write(true).create_new(true).open(path)
}

/// The name without a leading `./` and a trailing `/`, if it is a plain relative path.
fn plain(name: &str) -> Result<&str, ArchiveError> {
    let bare = name.strip_prefix("./").unwrap_or(name);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let odd = |c: char| c.is_control() || c == '\\';
    let parts_are_plain = bare.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if bare.contains(odd) || !parts_are_plain || bare.len() > 1024 {
        return Err(ArchiveError::UnsafePath { entry: name.escape_debug().to_string() });
    }
    Ok(bare)
}

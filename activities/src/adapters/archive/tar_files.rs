//! Gzipped tar archives.

use std::cell::Cell;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{ArchiveError, Limits, Selection, Unpacker, plain};

/// Unpacks the selected part of a gzipped tar archive into `folder`, which must not exist yet.
///
/// Entries keep their full names inside `folder`. Permissions and owners are not taken over.
pub fn unpack_tar_gz(
    archive: impl Read,
    folder: &Path,
    limits: &Limits,
    selection: &Selection,
) -> Result<(), ArchiveError> {
    let read = Rc::new(Cell::new(0));
    let counted = Counted { inner: archive, read: Rc::clone(&read) };
    let mut unpacker = Unpacker::new(folder, limits, selection)?;
    // Skipped entries are unpacked too, only not written: the total bounds that work.
    let bounded = MultiGzDecoder::new(counted).take(limits.total_bytes.saturating_add(TAR_OVERHEAD));
    let mut tar = Archive::new(bounded);
    let entries = tar.entries().map_err(|error| unpacker.unreadable(error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unpacker.unreadable(error))?;
        unpack_entry(&mut unpacker, entry, &read)?;
    }
    unpacker.finish()
}

/// The folder that the first entry of a gzipped tar archive lies in.
pub fn top_folder_of_tar_gz(archive: impl Read) -> Result<String, ArchiveError> {
    let malformed = |error: io::Error| ArchiveError::Malformed { reason: error.to_string() };
    let mut tar = Archive::new(MultiGzDecoder::new(archive));
    for entry in tar.entries().map_err(malformed)? {
        let entry = entry.map_err(malformed)?;
        if entry.header().entry_type().is_pax_global_extensions() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let top = plain(&name)?.split('/').next().unwrap_or_default();
        return Ok(top.to_owned());
    }
    Err(ArchiveError::Malformed { reason: "it is empty".to_owned() })
}

/// Room for headers and padding beside the files' own bytes.
const TAR_OVERHEAD: u64 = 256 << 20;

fn unpack_entry(
    unpacker: &mut Unpacker<'_>,
    entry: Entry<'_, impl Read>,
    read: &Cell<u64>,
) -> Result<(), ArchiveError> {
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let kind = entry.header().entry_type();
    if kind.is_pax_global_extensions() {
        return Ok(());
    }
    refuse_special(kind, &name)?;
    if kind.is_dir() && matches!(name.as_str(), "." | "./") {
        return Ok(());
    }
    match (unpacker.admit(&name)?, kind.is_dir()) {
        (false, _) => Ok(()),
        (true, true) => unpacker.folder(&name),
        (true, false) => unpacker.file(&name, entry.size(), entry, || read.get()),
    }
}

fn refuse_special(kind: EntryType, name: &str) -> Result<(), ArchiveError> {
    let kind = match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::Directory => return Ok(()),
        EntryType::Symlink => "symbolic link",
        EntryType::Link => "hard link",
        _ => "device or special file",
    };
    Err(ArchiveError::NotPlain { entry: name.to_owned(), kind })
}

/// Counts what is read of the packed archive, for the ratio.
struct Counted<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

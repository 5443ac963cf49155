//! Zip archives: wheels of the Python package index, and data sets.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::{ArchiveError, Limits, Selection, Unpacker};

/// File type bits of a Unix mode, and the two types that are unpacked.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

/// Unpacks the selected part of a zip archive into `folder`, which must not exist yet.
///
/// Entries keep their full names inside `folder`. Permissions are not taken over.
pub fn unpack_zip(
    archive: &Path,
    folder: &Path,
    limits: &Limits,
    selection: &Selection,
) -> Result<(), ArchiveError> {
    let io = |source| ArchiveError::Io { path: archive.to_owned(), source };
    let file = File::open(archive).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(malformed)?;
    refuse_shared_bytes(&mut zip, limits)?;
    let mut unpacker = Unpacker::new(folder, limits, selection)?;
    for index in 0..zip.len() {
        let entry = zip.by_index(index).map_err(malformed)?;
        unpack_entry(&mut unpacker, entry, size)?;
    }
    unpacker.finish()
}

/// Entries that overlap are how a small archive unpacks to petabytes, and how two readers of one
/// archive see two contents.
fn refuse_shared_bytes(zip: &mut ZipArchive<BufReader<File>>, limits: &Limits) -> Result<(), ArchiveError> {
    if zip.len() > limits.entries {
        return Err(ArchiveError::TooMuch { limit: limits.entries as u64, what: "entries" });
    }
    if zip.has_duplicate_names() {
        return Err(ArchiveError::Duplicate { entry: "(in the central directory)".into() });
    }
    if zip.has_overlapping_entries().map_err(malformed)? {
        return Err(ArchiveError::Malformed { reason: "entries share bytes".into() });
    }
    Ok(())
}

fn unpack_entry(
    unpacker: &mut Unpacker<'_>,
    entry: ZipFile<'_, BufReader<File>>,
    size: u64,
) -> Result<(), ArchiveError> {
    let name = entry.name().map_err(malformed)?.into_owned();
    refuse_special(&entry, &name)?;
    match (unpacker.admit(&name)?, entry.is_dir()) {
        (false, _) => Ok(()),
        (true, true) => unpacker.folder(&name),
        (true, false) => unpacker.file(&name, entry.size(), entry, || size),
    }
}

fn refuse_special(entry: &ZipFile<'_, BufReader<File>>, name: &str) -> Result<(), ArchiveError> {
    let kind = match entry.unix_mode().map(|mode| mode & TYPE) {
        _ if entry.is_symlink() => "symbolic link",
        _ if entry.encrypted() => "encrypted file",
        None | Some(0 | REGULAR | FOLDER) => return Ok(()),
        Some(_) => "device or special file",
    };
    Err(ArchiveError::NotPlain { entry: name.to_owned(), kind })
}

fn malformed(error: ZipError) -> ArchiveError {
    ArchiveError::Malformed { reason: error.to_string() }
}

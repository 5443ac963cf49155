//! Files that are either whole or absent, and their digests.
//!
//! A file is published under a temporary name, synced and renamed, and then its folder is synced:
//! neither a crash nor a full disk leaves a truncated file under the final name. All functions
//! block; asynchronous callers use [`blocking`].

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use empiric_schema::artifact::Digest;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Bytes read at once: large enough that hashing, not system calls, sets the pace.
pub const CHUNK: usize = 1 << 20;

/// What a reader held: digest and size in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Number of bytes.
    pub size: u64,
}

/// Reads to the end and gives digest and size.
pub fn measure(mut reader: impl Read) -> io::Result<Measured> {
    copy_measured(&mut reader, &mut io::sink())
}

/// Digest and size of a file.
pub fn measure_file(path: &Path) -> io::Result<Measured> {
    measure(File::open(path)?)
}

/// Copies to the end and gives digest and size of what went through.
pub fn copy_measured(reader: &mut impl Read, writer: &mut impl Write) -> io::Result<Measured> {
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&chunk[..count]);
        writer.write_all(&chunk[..count])?;
        size += count as u64;
    }
    Ok(Measured { digest: Digest::from_hash(&hash.finalize()), size })
}

/// Writes a whole file under its final name or not at all.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = StagedFile::beside(path)?;
    (&staged.file).write_all(bytes)?;
    staged.publish(path)
}

/// A file under a temporary name in the folder of its final name; removed unless published.
#[derive(Debug)]
pub struct StagedFile {
    /// The open file, for writing.
    pub file: File,
    path: PathBuf,
}

impl StagedFile {
    /// Creates the folder if need be, and in it a new file of an unused name.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let staged = temporary_name(path)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&staged)?;
        Ok(Self { file, path: staged })
    }

    /// Syncs, renames to `path` (replacing what is there) and syncs the folder.
    pub fn publish(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        publish(&self.path, path)
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // After publishing there is nothing under this name; a failure here leaves a stray file
        // that no reader looks at.
        let _ = fs::remove_file(&self.path);
    }
}

/// An unused temporary name in the same folder, which is created if need be.
pub fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let folder = parent(path);
    fs::create_dir_all(folder)?;
    Ok(folder.join(format!(".{}.tmp", Uuid::new_v4().simple())))
}

/// Renames a synced file or folder to its final name and syncs the folder around it.
pub fn publish(staged: &Path, path: &Path) -> io::Result<()> {
    fs::rename(staged, path)?;
    sync_folder(parent(path))
}

/// Makes the entries of a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that holds a path; the working directory for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether an error, or anything that caused it, says that there is no room left.
///
/// A quota that is used up counts too: to the user it is the same, and so is the cure.
pub fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    has_io_cause(error, &[ErrorKind::StorageFull, ErrorKind::QuotaExceeded])
}

/// Whether an error, or anything that caused it, says that the file system forbids it.
pub fn is_forbidden(error: &(dyn Error + 'static)) -> bool {
    has_io_cause(error, &[ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem])
}

fn has_io_cause(error: &(dyn Error + 'static), kinds: &[ErrorKind]) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            // An `io::Error` may wrap another error and hides it from `source`.
            let inner = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
            if kinds.contains(&io.kind()) || inner.is_some_and(|inner| has_io_cause(inner, kinds)) {
                return true;
            }
        }
        cause = current.source();
    }
    false
}

/// Runs blocking file work off the asynchronous threads.
pub async fn blocking<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(lost) => Err(io::Error::other(lost)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_is_recognised_through_every_wrapper() {
        let full = || io::Error::from_raw_os_error(28);
        assert!(is_disk_full(&full()));
        assert!(is_disk_full(&io::Error::other(full())));
        assert!(is_disk_full(&io::Error::from_raw_os_error(122)));
        let store = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(full()) };
        assert!(is_disk_full(&store));
        assert!(!is_disk_full(&io::Error::from_raw_os_error(5)));
        assert!(is_forbidden(&io::Error::from_raw_os_error(13)));
    }

    #[test]
    fn a_published_file_replaces_the_old_one_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/record.json");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn an_abandoned_file_vanishes_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        write_atomically(&path, b"old").unwrap();
        let staged = StagedFile::beside(&path).unwrap();
        (&staged.file).write_all(b"half").unwrap();
        drop(staged);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn measuring_counts_and_hashes_across_chunks() {
        let bytes = vec![7; 2 * CHUNK + 3];
        let measured = measure(bytes.as_slice()).unwrap();
        assert_eq!(measured, Measured { digest: Digest::of(&bytes), size: bytes.len() as u64 });
    }
}

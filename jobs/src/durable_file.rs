//! Files that are either whole or not there.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The system's answer.
    #[source]
    pub source: std::io::Error,
}

impl WriteError {
    /// For a failed write to this path.
    pub fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Writes to a temporary name in the same folder, syncs, renames, and syncs the folder. A reader sees the
/// old contents or the new ones, and after a crash of the machine too.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write()`], for contents that are not in memory as a whole.
pub fn write_with(
    path: &Path,
    contents: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), WriteError> {
    let temporary = temporary_name(path);
    let written = write_and_rename(&temporary, path, contents);
    if written.is_err() {
        // The first error is the one to report; a left-over temporary file is only untidy.
        std::fs::remove_file(&temporary).ok();
    }
    written.map_err(WriteError::at(path))
}

fn write_and_rename(
    temporary: &Path,
    path: &Path,
    contents: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut file = File::create(temporary)?;
    contents(&mut file)?;
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_replaces_the_old_one_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exit.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/such/exit.json"), b"").unwrap_err();
        assert!(error.to_string().contains("no/such/exit.json"), "{error}");
    }
}

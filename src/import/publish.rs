//! Makes a new project appear whole: every file is written beside its place first.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use empiric_activities::adapters::durable;

use crate::error::CliError;
use crate::place::{self, PROJECT_FILE};

/// A file of a new project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Path below the project, with `/`.
    pub name: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Bytes(Vec<u8>),
    CopyOf(PathBuf),
}

impl NewFile {
    /// A file of text.
    pub fn text(name: &str, text: String) -> Self {
        Self::bytes(name, text.into_bytes())
    }

    /// A file of bytes.
    pub fn bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), content: Content::Bytes(bytes) }
    }

    /// A copy of another file.
    pub fn copy(name: &str, original: &Path) -> Self {
        Self { name: name.to_owned(), content: Content::CopyOf(original.to_owned()) }
    }
}

/// Writes the files into a folder that must be new or empty.
///
/// They are written and synced into a hidden folder, and moved when all are there; the project file,
/// which makes a folder a project, comes last. Whatever fails, nothing of it stays.
///
/// # Errors
/// The folder has something in it, or a file cannot be written.
pub fn publish(folder: &Path, files: &[NewFile]) -> Result<(), CliError> {
    let folder = std::path::absolute(folder).map_err(|error| failed(folder, error))?;
    let is_new = is_new(&folder)?;
    let staging = staging(&folder, is_new)?;
    let written = write(&staging, files).and_then(|()| appear(&staging, &folder, is_new));
    written.inspect_err(|_| {
        // The first error is the one to tell; what cannot be removed is hidden and empty of meaning.
        let _ = fs::remove_dir_all(&staging);
    })
}

/// Whether the folder is still to be made. One with something in it is left alone.
fn is_new(folder: &Path) -> Result<bool, CliError> {
    let occupied = || CliError::Occupied { path: folder.to_owned() };
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().map_or(Ok(false), |_| Err(occupied())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(occupied()),
        Err(error) => Err(failed(folder, error)),
    }
}

/// A hidden folder on the same file system: beside a new folder, inside one that is there.
fn staging(folder: &Path, is_new: bool) -> Result<PathBuf, CliError> {
    let parent = if is_new { folder.parent().unwrap_or(folder) } else { folder };
    place::make(parent)?;
    let staging = parent.join(format!(".empiric-init-{}", std::process::id()));
    fs::create_dir(&staging).map_err(|error| failed(&staging, error))?;
    Ok(staging)
}

fn write(staging: &Path, files: &[NewFile]) -> Result<(), CliError> {
    for file in files {
        let path = staging.join(&file.name);
        if let Some(parent) = path.parent() {
            place::make(parent)?;
        }
        let bytes = match &file.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::CopyOf(original) => fs::read(original).map_err(|source| CliError::File {
                action: "read",
                path: original.clone(),
                source,
            })?,
        };
        durable::write_atomically(&path, &bytes).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn appear(staging: &Path, folder: &Path, is_new: bool) -> Result<(), CliError> {
    let moved = if is_new { fs::rename(staging, folder) } else { move_up(staging, folder) };
    match moved {
        Ok(()) => Ok(()),
        Err(error) if is_new && folder.exists() => {
            tracing::debug!(%error, "somebody else made the folder meanwhile");
            Err(CliError::Occupied { path: folder.to_owned() })
        }
        Err(error) => Err(failed(folder, error)),
    }
}

/// Moves all entries, the project file last; takes them back if one cannot be moved.
fn move_up(staging: &Path, folder: &Path) -> io::Result<()> {
    let entries =
        fs::read_dir(staging)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    let (last, first): (Vec<_>, Vec<_>) = entries.into_iter().partition(|name| name == PROJECT_FILE);
    let mut moved = Vec::new();
    for name in first.iter().chain(&last) {
        if let Err(error) = fs::rename(staging.join(name), folder.join(name)) {
            for name in moved {
                fs::rename(folder.join(name), staging.join(name))?;
            }
            return Err(error);
        }
        moved.push(name);
    }
    fs::remove_dir(staging)
}

fn failed(path: &Path, source: io::Error) -> CliError {
    CliError::File { action: "write", path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn files() -> Vec<NewFile> {
        vec![
            NewFile::text(PROJECT_FILE, "name: x\n".to_owned()),
            NewFile::text("data/dev.jsonl", "{}\n".to_owned()),
        ]
    }

    #[test]
    fn a_project_appears_in_a_new_and_in_an_empty_folder() {
        let parent = tempfile::tempdir().unwrap();
        for folder in [parent.path().join("deep/new"), parent.path().join("empty")] {
            if folder.ends_with("empty") {
                fs::create_dir(&folder).unwrap();
            }
            publish(&folder, &files()).unwrap();
            assert_eq!(names(&folder), ["data", "project.yaml"]);
            assert_eq!(names(&folder.join("data")), ["dev.jsonl"]);
        }
        assert_eq!(names(parent.path()), ["deep", "empty"]);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_half_written_stays() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new");
        let mut broken = files();
        broken.push(NewFile::copy("documents/a.md", &parent.path().join("missing.md")));
        assert!(matches!(publish(&folder, &broken), Err(CliError::File { action: "read", .. })));
        assert_eq!(names(parent.path()), Vec::<String>::new());
        publish(&folder, &files()).unwrap();
        assert!(matches!(publish(&folder, &files()), Err(CliError::Occupied { .. })));
        assert!(matches!(publish(&folder.join("project.yaml"), &files()), Err(CliError::Occupied { .. })));
        assert_eq!(names(parent.path()), ["new"]);
    }

    #[test]
    fn an_empty_folder_stays_empty_when_a_file_cannot_be_had() {
        let folder = tempfile::tempdir().unwrap();
        let broken = [NewFile::text("a", "x".to_owned()), NewFile::copy("b", Path::new("/nowhere/at/all"))];
        publish(folder.path(), &broken).unwrap_err();
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }
}

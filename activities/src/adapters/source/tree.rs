//! What a source turned out to be: its files with their digests, and one digest over all.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use empiric_schema::artifact::Digest;
use empiric_schema::source::SourceRef;
use serde::{Deserialize, Serialize};

use crate::adapters::durable;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// One file.
    File,
    /// A folder with all that is in it.
    Directory,
    /// The files that match a glob; the folder may hold others.
    Files,
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to [`Resolved::path`], with `/` between its parts; the file's own name for one file.
    pub name: String,
    /// Where the file is.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// A source on this machine, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The reference that was resolved.
    pub source: SourceRef,
    /// The file or folder.
    pub path: PathBuf,
    /// For one file its digest, else the digest over names and digests of all files (see [`digest_of`]).
    pub digest: Digest,
    /// Bytes of all files together.
    pub size: u64,
    /// What it is.
    pub kind: SourceKind,
    /// The files, sorted by name.
    pub files: Vec<SourceFile>,
}

impl Resolved {
    /// Puts a source together from its measured files, which must be sorted by name.
    pub(super) fn new(source: SourceRef, path: PathBuf, kind: SourceKind, files: Vec<SourceFile>) -> Self {
        let digest = digest_of(kind, &files);
        let size = files.iter().map(|file| file.size).sum();
        Self { source, path, digest, size, kind, files }
    }
}

/// The digest of a source. For folders and sets it is the SHA-256 of the lines
/// `<hex digest>  <name>\n` in byte order of the names, which is what
/// `find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum | sha256sum` prints.
pub fn digest_of(kind: SourceKind, files: &[SourceFile]) -> Digest {
    match (kind, files) {
        (SourceKind::File, [file]) => file.digest.clone(),
        _ => {
            let line = |file: &SourceFile| format!("{}  {}\n", file.digest.hex(), file.name);
            Digest::of(files.iter().map(line).collect::<String>().as_bytes())
        }
    }
}

/// Measures a file or a folder with all that is in it.
pub(super) fn measure(path: &Path) -> io::Result<(SourceKind, Vec<SourceFile>)> {
    if !fs::metadata(path)?.is_dir() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        return Ok((SourceKind::File, vec![measure_one(name.unwrap_or_default(), path.to_owned())?]));
    }
    let mut names = Vec::new();
    list(path, "", &mut names)?;
    names.sort();
    let measured = names.into_iter().map(|name| measure_one(name.clone(), path.join(name)));
    Ok((SourceKind::Directory, measured.collect::<io::Result<_>>()?))
}

/// Measures one file under the name that it has in the source.
pub(super) fn measure_one(name: String, path: PathBuf) -> io::Result<SourceFile> {
    let measured = durable::measure_file(&path)?;
    Ok(SourceFile { name, path, digest: measured.digest, size: measured.size })
}

fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let unnameable = |raw| io::Error::new(ErrorKind::InvalidData, format!("{raw:?} is not Unicode"));
        let name = entry.file_name().into_string().map_err(unnameable)?;
        let name = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else if kind.is_file() || entry.path().is_file() {
            names.push(name);
        } else {
            let reason = format!("`{name}` is neither a file nor a folder");
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
    }
    Ok(())
}

//! `file://`: files of the project. They are read where they are, and measured at each use.

use std::path::Path;

use empiric_schema::source::SourceRef;

use super::error::Fault;
use super::glob;
use super::tree::{self, Resolved, SourceFile, SourceKind};
use crate::adapters::durable::blocking;

/// Measures the file, the folder or the set of files that `pattern` names.
pub(super) async fn resolve(project: &Path, source: &SourceRef, pattern: &str) -> Result<Resolved, Fault> {
    let (project, source, pattern) = (project.to_owned(), source.clone(), pattern.to_owned());
    let path = project.join(&pattern);
    let work = move || {
        Ok(if glob::is_glob(&pattern) {
            files(&project, source, &pattern)
        } else {
            one(&project, source, &pattern)
        })
    };
    blocking(work).await.map_err(|error| Fault::file(&path, "read", error))?
}

fn one(project: &Path, source: SourceRef, pattern: &str) -> Result<Resolved, Fault> {
    let path = project.join(pattern);
    if !path.exists() {
        return Err(Fault::NotFound { what: format!("{} does not exist", path.display()) });
    }
    let (kind, files) = tree::measure(&path).map_err(|error| Fault::file(&path, "read", error))?;
    checked(Resolved::new(source, path, kind, files))
}

fn files(project: &Path, source: SourceRef, pattern: &str) -> Result<Resolved, Fault> {
    let (folder, rest) = glob::split(pattern);
    let folder = project.join(folder);
    let read = |error| Fault::file(&folder, "read", error);
    let found = glob::expand(&folder, rest).map_err(read)?;
    if found.is_empty() {
        let what = format!("no file in {} matches `{rest}`", folder.display());
        return Err(Fault::NotFound { what });
    }
    let measured = found.into_iter().map(|(name, path)| tree::measure_one(name, path));
    let files: Vec<SourceFile> = measured.collect::<Result<_, _>>().map_err(read)?;
    checked(Resolved::new(source, folder.clone(), SourceKind::Files, files))
}

fn checked(resolved: Resolved) -> Result<Resolved, Fault> {
    match &resolved.source.expected {
        Some(expected) if *expected != resolved.digest => {
            Err(Fault::Mismatch { expected: expected.clone(), found: resolved.digest })
        }
        _ => Ok(resolved),
    }
}

//! The project's documents as one archive with the same bytes for the same documents.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use empiric_schema::source::Location;

use super::error::ScopeError;
use super::splits::Splits;
use crate::adapters::source::{Resolved, SourceFile, SourceKind};

pub(super) const TAR: &str = "application/x-tar";
/// Items that a refusal names.
const SHOWN_ITEMS: usize = 10;

/// The documents by the names under which items know them.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    documents: BTreeMap<String, PathBuf>,
}

impl Corpus {
    /// Adds the files of a source.
    pub(super) fn add(&mut self, source: &Resolved) -> Result<(), ScopeError> {
        for file in &source.files {
            let name = name(source, file);
            if self.documents.insert(name.clone(), file.path.clone()).is_some() {
                return Err(ScopeError::DuplicateDocument { name });
            }
        }
        Ok(())
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.documents.len()).unwrap_or(u32::MAX)
    }

    /// Refuses items that name documents which are not there.
    pub(super) fn check(&self, splits: &Splits) -> Result<(), ScopeError> {
        let mut unknown = Vec::new();
        for split in splits.all() {
            for item in &split.items {
                let missing = item.documents.iter().filter(|name| !self.documents.contains_key(*name));
                unknown.extend(missing.map(|name| format!("  {} `{}` names `{name}`", split.name, item.id)));
            }
        }
        match unknown.is_empty() {
            true => Ok(()),
            false => Err(ScopeError::UnknownDocuments(self.refusal(&unknown))),
        }
    }

    fn refusal(&self, unknown: &[String]) -> String {
        let known: Vec<String> = self.documents.keys().take(3).map(|name| format!("`{name}`")).collect();
        let mut lines = vec![format!(
            "{} documents that items name are not among the project's documents, which are called {} and \
             so on; correct the items' `documents`:",
            unknown.len(),
            known.join(", ")
        )];
        lines.extend(unknown.iter().take(SHOWN_ITEMS).cloned());
        if unknown.len() > SHOWN_ITEMS {
            lines.push(format!("  and {} more", unknown.len() - SHOWN_ITEMS));
        }
        lines.join("\n")
    }

    /// A tar of all documents in the order of their names, without times and owners. Reads files.
    pub(super) fn pack(&self) -> Result<Vec<u8>, ScopeError> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, path) in &self.documents {
            append(&mut archive, name, path)
                .map_err(|source| ScopeError::Read { path: path.clone(), source })?;
        }
        archive.into_inner().map_err(|source| ScopeError::Read { path: PathBuf::from("documents"), source })
    }
}

fn append(archive: &mut tar::Builder<Vec<u8>>, name: &str, path: &Path) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    archive.append_data(&mut header, name, bytes.as_slice())
}

/// The path as the spec writes it: `file://handbook/*.md` has `handbook/parking.md`. What comes from elsewhere
/// is named by its path in the source.
fn name(source: &Resolved, file: &SourceFile) -> String {
    let written = match (&source.source.location, source.kind) {
        (Location::File { pattern }, SourceKind::File) => pattern.clone(),
        (Location::File { pattern }, SourceKind::Directory) => format!("{pattern}/{}", file.name),
        (Location::File { pattern }, SourceKind::Files) => {
            format!("{}{}", before_wildcard(pattern), file.name)
        }
        _ => file.name.clone(),
    };
    plain(&written)
}

/// The folders of a pattern before its first wildcard.
fn before_wildcard(pattern: &str) -> &str {
    let wildcard = pattern.find(['*', '?']).unwrap_or(pattern.len());
    pattern[..wildcard].rfind('/').map_or("", |slash| &pattern[..=slash])
}

/// Without a root and without steps up or on the spot, which archives must not have.
fn plain(path: &str) -> String {
    let parts = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_paths_that_the_spec_writes() {
        assert_eq!(before_wildcard("handbook/*.md"), "handbook/");
        assert_eq!(before_wildcard("a/b*/c?.md"), "a/");
        assert_eq!(before_wildcard("*.md"), "");
        assert_eq!(plain("./handbook//parking.md"), "handbook/parking.md");
        assert_eq!(plain("/srv/../docs/a.md"), "srv/docs/a.md");
    }
}

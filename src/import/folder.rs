//! A folder of documents with questions about them.

use std::fs;
use std::path::{Path, PathBuf};

use empiric_schema::data::Item;

use super::error::ImportError;
use super::found::{DocumentFile, Found};

/// Names of the file with the questions, in the order in which they are looked for.
const QUESTIONS: [&str; 2] = ["questions.csv", "questions.jsonl"];
/// Kinds of documents.
const KINDS: [&str; 2] = ["md", "txt"];
/// Where documents lie in the project.
pub(super) const DOCUMENTS: &str = "documents";

/// The file with the questions.
pub(super) fn questions(folder: &Path) -> Result<PathBuf, ImportError> {
    let paths = QUESTIONS.map(|name| folder.join(name));
    let found = paths.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| ImportError::Whole {
        file: folder.display().to_string(),
        what: "the folder has no questions".to_owned(),
        expected: "questions.csv or questions.jsonl in it, with an input and an expected answer".to_owned(),
    })
}

/// The documents of the folder and below, sorted by name. Hidden files and links are not followed.
pub(super) fn documents(folder: &Path) -> Result<Vec<DocumentFile>, ImportError> {
    let mut found = Vec::new();
    collect(folder, "", &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<DocumentFile>) -> Result<(), ImportError> {
    let read = |source| ImportError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(read)?);
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_document = path.extension().is_some_and(|end| KINDS.iter().any(|kind| end == *kind));
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), found)?;
        } else if kind.is_file() && is_document {
            found.push(DocumentFile { path, name: format!("{prefix}{name}") });
        }
    }
    Ok(())
}

/// Names the items' documents as the project does. Names that fit no document stay and are counted.
pub(super) fn link(found: &mut Found, folder: &Path) {
    let folder = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let documents = found.documents.clone();
    let mut lost: Vec<String> = Vec::new();
    for name in found.items.iter_mut().flat_map(|item: &mut Item| &mut item.documents) {
        match target(&documents, &folder, name) {
            Some(target) => *name = format!("{DOCUMENTS}/{target}"),
            None if !lost.contains(name) => lost.push(name.clone()),
            None => {}
        }
    }
    found
        .unused
        .extend(lost.into_iter().map(|name| format!("the document `{name}`, which is not in the folder")));
}

/// The document of this path below the folder, with or without the folder's name, or of this file name
/// if there is only one.
fn target<'a>(documents: &'a [DocumentFile], folder: &str, name: &str) -> Option<&'a str> {
    let name = name.strip_prefix("./").unwrap_or(name);
    let below = name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
    let exact = documents.iter().find(|document| document.name == name || document.name == below);
    let file_name = |document: &&DocumentFile| document.name.rsplit('/').next() == Some(name);
    let mut same = documents.iter().filter(file_name);
    let only = same.next().filter(|_| same.next().is_none());
    exact.or(only).map(|document| document.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_below_and_named_in_any_usual_way() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("pay/.git")).unwrap();
        for name in ["tea.md", "pay/tips.txt", "pay/.git/x.md", "logo.png", "questions.csv"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let documents = documents(folder.path()).unwrap();
        let names: Vec<_> = documents.iter().map(|document| document.name.as_str()).collect();
        assert_eq!(names, ["pay/tips.txt", "tea.md"]);
        for (said, meant) in [
            ("tea.md", Some("tea.md")),
            ("./tea.md", Some("tea.md")),
            ("book/pay/tips.txt", Some("pay/tips.txt")),
            ("tips.txt", Some("pay/tips.txt")),
            ("coffee.md", None),
        ] {
            assert_eq!(target(&documents, "book", said), meant, "{said}");
        }
    }

    #[test]
    fn a_folder_without_questions_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let told = questions(folder.path()).unwrap_err().to_string();
        assert!(told.contains("questions.csv or questions.jsonl"), "{told}");
    }
}

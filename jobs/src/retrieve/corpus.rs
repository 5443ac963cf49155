//! The documents of an archive, read in parallel.

use std::io::Read;

use rayon::prelude::*;

use super::ingest::{Document, File, IngestError, read};

/// Reads all documents of a tar, in its order.
///
/// # Errors
/// The archive is damaged or has no files, or a document cannot be read: the first such document is named.
pub fn read_corpus(archive: impl Read) -> Result<Vec<Document>, IngestError> {
    let files = unpack(archive)?;
    if files.is_empty() {
        return Err(IngestError::NoDocuments);
    }
    let documents: Vec<Result<Document, IngestError>> = files.par_iter().map(read).collect();
    documents.into_iter().collect()
}

fn unpack(archive: impl Read) -> Result<Vec<File>, IngestError> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(archive).entries().map_err(IngestError::Corpus)? {
        let mut entry = entry.map_err(IngestError::Corpus)?;
        if entry.header().entry_type().is_file() {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(IngestError::Corpus)?;
            files.push(File { name, bytes });
        }
    }
    Ok(files)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A tar of these documents.
    pub(crate) fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, *bytes).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn documents_come_in_the_order_of_the_archive() {
        let archive = tar_of(&[("b/two.md", b"# Two\n\ntext"), ("a.txt", b"one")]);
        let documents = read_corpus(archive.as_slice()).unwrap();
        let names: Vec<&str> = documents.iter().map(|document| document.name.as_str()).collect();
        assert_eq!(names, ["b/two.md", "a.txt"]);
    }

    #[test]
    fn the_first_bad_document_is_named() {
        let archive = tar_of(&[("a.md", b"fine"), ("b.doc", b"?"), ("c.doc", b"?")]);
        let message = read_corpus(archive.as_slice()).unwrap_err().to_string();
        assert!(message.starts_with("`b.doc` is of a kind"), "{message}");
    }

    #[test]
    fn an_archive_that_is_empty_or_cut_off_is_refused() {
        let whole = tar_of(&[("a.md", &[b'x'; 2000])]);
        let message = read_corpus(&whole[..1000]).unwrap_err().to_string();
        assert_eq!(message, "the archive of documents is damaged");
        assert!(matches!(read_corpus(tar_of(&[]).as_slice()), Err(IngestError::NoDocuments)));
    }
}

//! Crafted archives, one for each row of the refusals.

use std::io::Cursor;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const SMALL: Limits = Limits { entries: 4, total_bytes: 4 << 20, ratio: 100, ratio_from: 1 << 20 };

type Zip = ZipWriter<Cursor<Vec<u8>>>;

fn zipped(fill: impl FnOnce(&mut Zip)) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    fill(&mut zip);
    zip.finish().unwrap().into_inner()
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    zipped(|zip| {
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
    })
}

/// A tar entry whose name is written as it is, past the checks of the writer.
fn entry(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o777);
    header.set_size(size);
    header.set_cksum();
    header
}

fn tar_of(files: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (name, kind, content) in files {
        tar.append(&entry(name, *kind, content.len() as u64), *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

fn unzip(bytes: &[u8], selection: &Selection) -> (tempfile::TempDir, Result<(), ArchiveError>) {
    let scratch = tempfile::tempdir().unwrap();
    let archive = scratch.path().join("archive.zip");
    fs::write(&archive, bytes).unwrap();
    let outcome = unpack_zip(&archive, &scratch.path().join("deep/out"), &SMALL, selection);
    (scratch, outcome)
}

fn untar(bytes: &[u8], selection: &Selection) -> (tempfile::TempDir, Result<(), ArchiveError>) {
    let scratch = tempfile::tempdir().unwrap();
    let outcome = unpack_tar_gz(bytes, &scratch.path().join("deep/out"), &SMALL, selection);
    (scratch, outcome)
}

/// The archive is refused for this reason, and nothing lies outside the folder for unpacking.
fn refused(case: &str, (scratch, outcome): (tempfile::TempDir, Result<(), ArchiveError>), reason: &str) {
    let error = outcome.expect_err(case).to_string();
    assert!(error.contains(reason), "{case}: {error}");
    let beside = |folder: &Path| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name())
            .collect::<Vec<_>>()
    };
    assert!(beside(scratch.path()).iter().all(|name| name == "deep" || name == "archive.zip"), "{case}");
    assert!(beside(&scratch.path().join("deep")).iter().all(|name| name == "out"), "{case}");
}

#[test]
fn plain_archives_are_unpacked_and_selections_respected() {
    let zip = zip_of(&[("a/one.txt", b"1"), ("a/b/two.txt", b"2"), ("ab/three.txt", b"3")]);
    let dir = EntryType::Directory;
    let tar = tar_of(&[
        ("./", dir, b""),
        ("a/one.txt", EntryType::Regular, b"1"),
        ("a/b/", dir, b""),
        ("./a/b/two.txt", EntryType::Regular, b"2"),
        ("ab/three.txt", EntryType::Regular, b"3"),
    ]);
    let part = Selection::Path("a".into());
    for (scratch, outcome) in [unzip(&zip, &part), untar(&tar, &part)] {
        outcome.unwrap();
        let out = scratch.path().join("deep/out");
        assert_eq!(fs::read(out.join("a/one.txt")).unwrap(), b"1");
        assert_eq!(fs::read(out.join("a/b/two.txt")).unwrap(), b"2");
        assert!(!out.join("ab").exists());
    }
    for (scratch, outcome) in [unzip(&zip, &Selection::All), untar(&tar, &Selection::All)] {
        outcome.unwrap();
        assert!(scratch.path().join("deep/out/ab/three.txt").exists());
    }
}

#[test]
fn a_path_that_is_not_there_is_answered_with_what_is() {
    let wanted = Selection::Path("model.gguf".into());
    let names = [("pkg/model.bin", b"1".as_slice()), ("pkg.dist-info/RECORD", b"2")];
    refused("zip", unzip(&zip_of(&names), &wanted), "it has pkg/model.bin");
}

#[test]
fn unsafe_names_are_refused_even_where_they_are_not_selected() {
    let elsewhere = Selection::Path("good.txt".into());
    for name in ["../evil", "/evil", "a/../../evil", "a/./b", "a//b", "a\\..\\evil", "a\nb", ".."] {
        for selection in [&Selection::All, &elsewhere] {
            let zip = zip_of(&[("good.txt", b"1"), (name, b"2")]);
            refused(name, unzip(&zip, selection), "unsafe path");
            let tar = tar_of(&[("good.txt", EntryType::Regular, b"1"), (name, EntryType::Regular, b"2")]);
            refused(name, untar(&tar, selection), "unsafe path");
        }
    }
}

#[test]
fn links_and_devices_are_refused() {
    let link = zipped(|zip| zip.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap());
    refused("zip link", unzip(&link, &Selection::All), "symbolic link");
    for (kind, reason) in [
        (EntryType::Symlink, "symbolic link"),
        (EntryType::Link, "hard link"),
        (EntryType::Char, "device or special"),
        (EntryType::Block, "device or special"),
        (EntryType::Fifo, "device or special"),
        (EntryType::new(b'Z'), "device or special"),
    ] {
        refused(reason, untar(&tar_of(&[("x", kind, b"")]), &Selection::All), reason);
    }
}

#[test]
fn a_name_that_comes_twice_is_refused() {
    let zip = replaced(zip_of(&[("aa.txt", b"1"), ("bb.txt", b"2")]), b"bb.txt", b"aa.txt");
    refused("zip", unzip(&zip, &Selection::All), "twice");
    let twice = [("a", EntryType::Regular, b"1".as_slice()), ("./a", EntryType::Regular, b"2")];
    refused("tar", untar(&tar_of(&twice), &Selection::All), "twice");
    let zip = zip_of(&[("a", b"1"), ("./a", b"2")]);
    refused("zip, two spellings", unzip(&zip, &Selection::All), "twice");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let zip = zipped(|zip| {
        zip.start_file("a", SimpleFileOptions::default()).unwrap();
        zip.write_all(b"shared").unwrap();
        zip.shallow_copy_file("a", "b").unwrap();
    });
    refused("zip", unzip(&zip, &Selection::All), "share bytes");
}

#[test]
fn too_many_entries_are_refused() {
    let names = ["1", "2", "3", "4", "5"];
    let zip = zip_of(&names.map(|name| (name, b"".as_slice())));
    refused("zip", unzip(&zip, &Selection::All), "more than 4 entries");
    let tar = tar_of(&names.map(|name| (name, EntryType::Regular, b"".as_slice())));
    refused("tar", untar(&tar, &Selection::All), "more than 4 entries");
}

#[test]
fn bombs_are_refused_by_ratio_and_by_size() {
    let zeros = vec![0; 3 << 20];
    refused("zip ratio", unzip(&zip_of(&[("bomb", &zeros)]), &Selection::All), "for each byte packed");
    let tar = tar_of(&[("bomb", EntryType::Regular, &zeros)]);
    refused("tar ratio", untar(&tar, &Selection::All), "for each byte packed");
    // Bytes that hardly compress, so that only their number is too much.
    let noise = (0..5_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
    refused("zip size", unzip(&zip_of(&[("big", &noise)]), &Selection::All), "more than 4194304 bytes");
    let tar = tar_of(&[("big", EntryType::Regular, &noise)]);
    refused("tar size", untar(&tar, &Selection::All), "more than 4194304 bytes");
}

#[test]
fn damaged_archives_are_refused() {
    let zip = zip_of(&[("a.txt", b"some content that is long enough to be hit")]);
    refused("no zip", unzip(b"this is no archive", &Selection::All), "damaged");
    refused("cut zip", unzip(&zip[..zip.len() / 2], &Selection::All), "damaged");
    let mut flipped = zip;
    flipped[40] ^= 0xff;
    refused("flipped zip", unzip(&flipped, &Selection::All), "damaged");
    let content = (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>();
    let tar = tar_of(&[("a.bin", EntryType::Regular, &content)]);
    refused("no tar", untar(b"this is no archive", &Selection::All), "damaged");
    refused("cut tar", untar(&tar[..tar.len() / 2], &Selection::All), "damaged");
}

#[test]
fn a_tar_that_ends_inside_a_file_is_refused() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(entry("a.bin", EntryType::Regular, 1000).as_bytes()).unwrap();
    gzip.write_all(&[1; 300]).unwrap();
    refused("short", untar(&gzip.finish().unwrap(), &Selection::All), "not the size it declares");
}

#[test]
fn the_folder_must_be_fresh() {
    let scratch = tempfile::tempdir().unwrap();
    let archive = scratch.path().join("archive.zip");
    fs::write(&archive, zip_of(&[("a", b"1")])).unwrap();
    let error = unpack_zip(&archive, scratch.path(), &SMALL, &Selection::All).unwrap_err();
    assert!(matches!(error, ArchiveError::Io { .. }), "{error:?}");
}

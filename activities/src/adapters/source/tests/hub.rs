//! The model hub, played by a small server with the hub's headers.

use empiric_schema::artifact::Digest;

use super::server::{Answer, Request, Server};
use super::*;

/// The hub's answer: ranges, an entity tag and the commit.
fn answer(request: &Request, content: &[u8], tag: &str) -> Answer {
    let mut answer = Answer::content(request, content, &format!("\"{tag}\""));
    if request.headers.get("range").is_some_and(|range| range == "bytes=0-0") {
        answer.body.truncate(1);
    }
    answer.headers.push(("X-Repo-Commit", "abc123".into()));
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_fetched_from_the_endpoint_with_the_token() {
    let content = noise(200_000);
    let (body, tag) = (content.clone(), Digest::of(&content).hex().to_owned());
    let server = Server::start(move |request, _| answer(request, &body, &tag)).await;
    let bench = Bench::with(&[("HF_ENDPOINT", &server.url("/")), ("HF_TOKEN", "token-of-the-test")]);
    let resolved = bench.resolve("hf://org/repo/sub/model.safetensors@v1.0").await.unwrap();
    assert_eq!(resolved.digest, Digest::of(&content));
    assert!(resolved.path.ends_with("content/model.safetensors"));
    assert!(fs::symlink_metadata(&resolved.path).unwrap().is_file());
    let request = &server.requests()[0];
    assert_eq!(request.path, "/org/repo/resolve/v1.0/sub/model.safetensors");
    assert_eq!(request.headers["authorization"], "Bearer token-of-the-test");
    assert_eq!(bench.cached(), ["content", "record.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_the_tag_says_are_refused() {
    let tag = Digest::of(b"promised").hex().to_owned();
    let server = Server::start(move |request, _| answer(request, b"received", &tag)).await;
    let bench = Bench::with(&[("HF_ENDPOINT", &server.url(""))]);
    let (kind, text) = bench.fails("hf://org/repo/file.bin@main").await;
    assert_eq!(kind, FaultKind::Corrupt);
    assert!(text.contains(Digest::of(b"promised").hex()), "{text}");
    assert!(bench.cached().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_a_path_is_refused() {
    let server = Server::start(|request, _| answer(request, b"x", "../../../evil")).await;
    let bench = Bench::with(&[("HF_ENDPOINT", &server.url(""))]);
    let (kind, text) = bench.fails("hf://org/repo/file.bin@main").await;
    assert!(kind == FaultKind::Corrupt && text.contains("no plain name"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_hub_are_told_apart() {
    for (status, expected, said) in [
        (404, FaultKind::NotFound, "the hub has no org/repo/file.bin at main"),
        (401, FaultKind::Permission, "HF_TOKEN"),
        (503, FaultKind::Network, "could not fetch"),
    ] {
        let server = Server::start(move |_, _| Answer::status(status)).await;
        let bench = Bench::with(&[("HF_ENDPOINT", &server.url(""))]);
        let (kind, text) = bench.fails("hf://org/repo/file.bin").await;
        assert_eq!(kind, expected, "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn the_token_never_goes_unencrypted_to_another_machine() {
    let bench = Bench::with(&[("HF_ENDPOINT", "http://192.0.2.1")]);
    let (kind, text) = bench.fails("hf://org/repo/file.bin").await;
    assert!(kind == FaultKind::Invalid && text.contains("HF_ENDPOINT"), "{text}");
}

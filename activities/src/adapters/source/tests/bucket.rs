//! Objects of an S3-compatible store, served by a small server of the right headers.

use empiric_schema::artifact::Digest;

use super::server::{Answer, Server};
use super::*;

fn variables(endpoint: &str) -> [(&'static str, &str); 4] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
        ("AWS_REGION", "eu-north-1"),
    ]
}

fn object(request: &server::Request, content: &[u8]) -> Answer {
    let mut answer = Answer::content(request, content, "\"tag\"");
    answer.headers.push(("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT".into()));
    answer
}

#[tokio::test]
async fn an_object_is_fetched_from_a_custom_endpoint_and_continued() {
    let content = noise(300_000);
    let body = content.clone();
    let server = Server::start(move |request, number| match (request.method.as_str(), number) {
        ("GET", 1) => object(request, &body).cut(100_000),
        _ => object(request, &body),
    });
    let server = server.await;
    let bench = Bench::with(&variables(&server.url("")));
    let resolved = bench.resolve("s3://my-bucket/models/weights.gguf").await.unwrap();
    assert_eq!(resolved.digest, Digest::of(&content));
    assert!(resolved.path.ends_with("content/weights.gguf"));
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.path == "/my-bucket/models/weights.gguf"));
    assert!(requests[0].headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=id/"));
    assert!(requests.iter().any(|request| request.offset() == Some(100_000)), "{requests:?}");
}

#[tokio::test]
async fn a_missing_object_and_a_refusal_are_told_apart() {
    for (status, expected) in [(404, FaultKind::NotFound), (403, FaultKind::Permission)] {
        let server = Server::start(move |_, _| Answer::status(status)).await;
        let bench = Bench::with(&variables(&server.url("")));
        let (kind, text) = bench.fails("s3://my-bucket/key").await;
        assert_eq!(kind, expected, "{text}");
    }
}

#[tokio::test]
async fn credentials_never_go_unencrypted_to_another_machine() {
    let mut environment = variables("http://192.0.2.1:9000").to_vec();
    environment.push(("AWS_ALLOW_HTTP", "true"));
    let (kind, text) = Bench::with(&environment).fails("s3://my-bucket/key").await;
    assert_eq!(kind, FaultKind::Invalid);
    assert!(text.contains("AWS_ENDPOINT_URL"), "{text}");
}

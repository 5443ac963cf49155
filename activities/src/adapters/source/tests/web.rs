//! Files on the web.

use std::sync::Mutex;

use empiric_schema::artifact::Digest;

use super::server::{Answer, Server};
use super::*;

#[tokio::test]
async fn a_file_is_fetched_once_and_then_read_from_the_cache() {
    let content = noise(300_000);
    let (bench, body) = (Bench::new(), content.clone());
    let server = Server::start(move |request, _| Answer::content(request, &body, "\"1\"")).await;
    let url = server.url("/models/weights.gguf?version=1");
    let resolved = bench.resolve(&url).await.unwrap();
    assert_eq!(fs::read(&resolved.path).unwrap(), content);
    assert_eq!((resolved.digest.clone(), resolved.size), (Digest::of(&content), 300_000));
    assert!(resolved.path.ends_with("content/weights.gguf"));
    assert_eq!(bench.resolve(&url).await.unwrap(), resolved);
    assert_eq!(bench.offline().resolve(&source(&url)).await.unwrap(), resolved);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].headers["accept-encoding"], "identity");
    assert_eq!(bench.cached(), ["content", "record.json"]);
}

#[tokio::test]
async fn a_broken_transfer_goes_on_where_it_stopped() {
    let content = noise(500_000);
    let (bench, body) = (Bench::new(), content.clone());
    let server = Server::start(move |request, number| {
        let answer = Answer::content(request, &body, "\"1\"");
        if number < 2 { answer.cut(100_000) } else { answer }
    });
    let server = server.await;
    let resolved = bench.resolve(&server.url("/x")).await.unwrap();
    assert_eq!(resolved.digest, Digest::of(&content));
    let offsets: Vec<_> = server.requests().iter().map(|request| request.offset()).collect();
    assert_eq!(offsets, [None, Some(100_000), Some(200_000)]);
    assert_eq!(server.requests()[1].headers["if-range"], "\"1\"");
}

#[tokio::test]
async fn a_later_run_goes_on_where_an_earlier_one_gave_up() {
    let content = noise(400_000);
    let (bench, body) = (Bench::new(), content.clone());
    let server = Server::start(move |request, number| match number {
        0 => Answer::content(request, &body, "\"1\"").cut(150_000),
        1 | 2 => Answer::status(503),
        _ => Answer::content(request, &body, "\"1\""),
    });
    let server = server.await;
    let (kind, text) = bench.fails(&server.url("/x")).await;
    assert_eq!(kind, FaultKind::Network);
    assert!(text.contains("answered 503"), "{text}");
    assert_eq!(bench.cached(), ["staging"]);
    assert_eq!(bench.resolve(&server.url("/x")).await.unwrap().digest, Digest::of(&content));
    assert_eq!(server.requests()[3].offset(), Some(150_000));
}

#[tokio::test]
async fn content_that_changed_in_between_is_fetched_from_its_start() {
    let (old, new) = (noise(200_000), vec![9; 200_000]);
    let (bench, expected) = (Bench::new(), Digest::of(&new));
    let server = Server::start(move |request, number| match number {
        0 => Answer::content(request, &old, "\"old\"").cut(50_000),
        _ => Answer::content(request, &new, "\"new\""),
    });
    assert_eq!(bench.resolve(&server.await.url("/x")).await.unwrap().digest, expected);
}

#[tokio::test]
async fn a_part_that_is_whole_already_is_not_fetched_again() {
    let content = noise(100_000);
    let (bench, body) = (Bench::new(), content.clone());
    // The first answer announces a byte too many, so that the transfer ends with a whole part.
    let server = Server::start(move |request, number| {
        let mut answer = Answer::content(request, &body, "\"1\"");
        if number == 0 {
            answer.headers.push(("Content-Length", "100001".into()));
        }
        answer
    });
    let server = server.await;
    assert_eq!(bench.resolve(&server.url("/x")).await.unwrap().digest, Digest::of(&content));
    assert_eq!(server.requests()[1].offset(), Some(100_000));
}

#[tokio::test]
async fn a_server_without_versions_starts_anew() {
    let content = noise(100_000);
    let (bench, body) = (Bench::new(), content.clone());
    let server = Server::start(move |_, number| {
        let answer = Answer { status: 200, body: body.clone(), ..Answer::default() };
        if number == 0 { answer.cut(40_000) } else { answer }
    });
    let server = server.await;
    assert_eq!(bench.resolve(&server.url("/x")).await.unwrap().digest, Digest::of(&content));
    assert_eq!(server.requests()[1].offset(), None);
}

#[tokio::test]
async fn a_body_that_stays_cut_is_an_error_and_publishes_nothing() {
    let bench = Bench::new();
    let server =
        Server::start(|_, _| Answer { status: 200, body: vec![1; 1000], ..Answer::default() }.cut(10));
    let url = server.await.url("/x");
    let (kind, text) = bench.fails(&url).await;
    assert_eq!(kind, FaultKind::Network);
    assert!(text.contains("10"), "{text}");
    assert_eq!(bench.cached(), ["staging"]);
    let error = bench.offline().resolve(&source(&url)).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Offline);
}

#[tokio::test]
async fn other_content_than_pinned_is_refused_with_both_digests() {
    let bench = Bench::new();
    let server = Server::start(|request, _| Answer::content(request, b"other", "\"1\"")).await;
    let pin = Digest::of(b"wanted");
    let (kind, text) = bench.fails(&format!("{}#sha256={}", server.url("/x"), pin.hex())).await;
    assert_eq!(kind, FaultKind::Corrupt);
    assert!(text.contains(pin.hex()) && text.contains(Digest::of(b"other").hex()), "{text}");
    assert!(bench.cached().is_empty());
}

#[tokio::test]
async fn answers_are_told_apart() {
    for (status, expected) in [
        (404, FaultKind::NotFound),
        (401, FaultKind::Permission),
        (403, FaultKind::Permission),
        (400, FaultKind::Invalid),
        (204, FaultKind::Invalid),
        (500, FaultKind::Network),
    ] {
        let bench = Bench::new();
        let server = Server::start(move |_, _| Answer::status(status)).await;
        let (kind, text) = bench.fails(&server.url("/x")).await;
        assert_eq!(kind, expected, "{status}: {text}");
        assert!(text.contains(&status.to_string()), "{text}");
        let tries = if expected == FaultKind::Network { 3 } else { 1 };
        assert_eq!(server.requests().len(), tries, "{status}");
    }
}

#[tokio::test]
async fn nobody_listening_is_a_failure_of_the_network() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (kind, text) = Bench::new().fails(&format!("http://{address}/x")).await;
    assert_eq!(kind, FaultKind::Network);
    assert!(text.contains("could not reach 127.0.0.1"), "{text}");
}

#[tokio::test]
async fn redirects_within_loopback_are_followed_and_to_plain_http_elsewhere_refused() {
    let bench = Bench::new();
    let server = Server::start(|request, _| {
        let to = |place: &str| Answer {
            status: 302,
            headers: vec![("Location", place.into())],
            ..Answer::default()
        };
        match request.path.as_str() {
            "/good" => to("/content"),
            "/evil" => to("http://192.0.2.1/content"),
            "/circle" => to("/circle"),
            _ => Answer::content(request, b"found", "\"1\""),
        }
    });
    let server = server.await;
    assert_eq!(bench.resolve(&server.url("/good")).await.unwrap().digest, Digest::of(b"found"));
    let (kind, text) = bench.fails(&server.url("/evil")).await;
    assert_eq!(kind, FaultKind::Invalid);
    assert!(text.contains("refused to follow a redirect to http://192.0.2.1"), "{text}");
    let (kind, text) = bench.fails(&server.url("/circle")).await;
    assert!(kind == FaultKind::Invalid && text.contains("more than 10 redirects"), "{text}");
}

#[tokio::test]
async fn progress_counts_bytes_up_to_the_total() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    let bench = Bench::new();
    let server = Server::start(|request, _| Answer::content(request, &noise(300_000), "\"1\"")).await;
    let record = shared(move |transfer| {
        sink.lock().unwrap().push((transfer.phase, transfer.done, transfer.total, transfer.label.to_owned()));
    });
    bench.resolver.clone().with_progress(record).resolve(&source(&server.url("/file.bin"))).await.unwrap();
    let reports = reports.lock().unwrap();
    assert!(reports.iter().all(|report| report.3 == "file.bin"));
    let fetched: Vec<_> = reports.iter().filter(|report| report.0 == Phase::Fetching).collect();
    assert_eq!((fetched.last().unwrap().1, fetched.last().unwrap().2), (300_000, Some(300_000)));
    assert!(fetched.is_sorted_by_key(|report| report.1));
    assert_eq!(reports.last().unwrap().0, Phase::Done);
}

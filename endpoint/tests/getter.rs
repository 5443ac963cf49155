//! Texts behind an allow-list of addresses, from a server that misbehaves.

use std::time::Duration;

use empiric_endpoint::test_server::{Answer, Request, TestServer};
use empiric_endpoint::{BlockingGetter, GetLimits};

fn whole(status: u16, body: &[u8]) -> Answer {
    Answer::Whole { status, headers: Vec::new(), body: body.to_vec() }
}

fn serve(request: &Request, _: usize) -> Answer {
    match request.path.as_str() {
        "/v1/good?q=1" => whole(200, b"good"),
        "/v1/large" => whole(200, &[b'x'; 65]),
        "/v1/endless" => Answer::Endless,
        "/v1/silent" => Answer::Silent,
        "/v1/away" => whole(302, b"").with_header("Location", "http://169.254.169.254/"),
        "/v1/bytes" => whole(200, &[0xff, 0xfe]),
        _ => whole(404, b"no such page"),
    }
}

fn getter(server: &TestServer) -> BlockingGetter {
    let limits = GetLimits { time: Duration::from_millis(500), size: 64 };
    BlockingGetter::new(&[server.url()], limits).unwrap()
}

fn refusal(getter: &BlockingGetter, url: &str) -> String {
    let error = getter.get(url).unwrap_err();
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

#[test]
fn a_text_is_got_and_everything_else_is_refused_in_words() {
    let server = TestServer::start(serve);
    let getter = getter(&server);
    let url = |path: &str| format!("{}/{path}", server.url());
    assert_eq!(getter.get(&url("good?q=1#part")).unwrap(), "good");
    let check = |path: &str, expected: &str| {
        let said = refusal(&getter, &url(path));
        assert!(said.contains(expected), "{path}: {said}");
    };
    check("large", "more than 64 bytes");
    check("endless", "more than 64 bytes");
    check("silent", "no whole answer within 0.5 s");
    check("away", "redirects are not followed");
    check("bytes", "no UTF-8 text");
    check("other", "status 404: no such page");
}

#[test]
fn addresses_outside_the_list_are_never_asked() {
    let server = TestServer::start(serve);
    let getter = getter(&server);
    let outside = [
        server.url().replace("/v1", "/v2"),
        format!("{}/../secret", server.url()),
        "http://169.254.169.254/latest".to_owned(),
        "file:///etc/passwd".to_owned(),
        "nonsense".to_owned(),
    ];
    for url in outside {
        assert!(refusal(&getter, &url).contains("is not on the allow-list"), "{url}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_text_is_got_inside_another_runtime() {
    let server = TestServer::start(serve);
    assert_eq!(getter(&server).get(&format!("{}/good?q=1", server.url())).unwrap(), "good");
}

#[test]
fn private_addresses_cannot_be_allowed() {
    let allow = ["http://10.0.0.1/".to_owned()];
    assert!(BlockingGetter::new(&allow, GetLimits::default()).is_err());
}

//! Notices go to listed hosts and nowhere else.

use std::time::Duration;

use empiric_endpoint::test_server::{Answer, TestServer};
use empiric_endpoint::{PostError, Poster};
use serde_json::json;

fn poster(hosts: &[&str]) -> Poster {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    Poster::new(&hosts, Duration::from_secs(2)).unwrap()
}

/// `127.0.0.1:PORT` of a server.
fn host(server: &TestServer) -> String {
    let url = server.url();
    url.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}

#[test]
fn hosts_that_nobody_listed_are_refused_however_they_are_written() {
    let poster = poster(&["hooks.example.com", "hooks.example.com:8443", "10.0.0.5"]);
    for good in
        ["https://hooks.example.com/x?token=1", "https://HOOKS.example.com:8443/", "https://10.0.0.5/x"]
    {
        poster.check(good).unwrap();
    }
    for private in [
        "https://169.254.169.254/latest",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://[::ffff:169.254.169.254]/",
        "https://10.0.0.6/",
        "https://10.0.0.5:8443/",
        "https://192.168.1.1/",
        "https://[fd00::1]/",
        "https://127.0.0.1/",
        "http://localhost:9000/",
        "https://hooks.example.com.evil.example/",
        "https://evil.example/hooks.example.com",
        "https://hooks.example.com:8444/",
    ] {
        let refused = poster.check(private).unwrap_err();
        assert!(matches!(refused, PostError::NotListed(_)), "{private}: {refused}");
    }
    for odd in [
        "http://hooks.example.com/",
        "http://10.0.0.5/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://user:hunter2@hooks.example.com/",
        "https://hooks.example.com/#x",
        "hooks.example.com",
        &format!("https://hooks.example.com/{}", "x".repeat(3000)),
    ] {
        let refused = poster.check(odd).unwrap_err();
        assert!(matches!(refused, PostError::Address(_)), "{odd}: {refused}");
        assert!(!refused.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_listed_name_that_leads_into_a_private_network_is_not_told() {
    // `ip6-localhost` is a name of loopback on Debian; `localhost.` is one everywhere.
    let poster = poster(&["localhost."]);
    let refused = poster.post("https://localhost./hook", &[], "{}".to_owned()).await.unwrap_err();
    assert!(matches!(refused, PostError::Private | PostError::Unreachable(..)), "{refused}");
}

#[tokio::test]
async fn a_notice_arrives_whole_and_once() {
    let server = TestServer::start(|_, _| Answer::json(200, &json!({})));
    let listed = host(&server);
    let poster = poster(&[&listed]);
    let headers = [("webhook-id", "d1".to_owned())];
    poster.post(&format!("http://{listed}/hook"), &headers, "{\"a\":1}".to_owned()).await.unwrap();
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].body.as_slice()), (1, b"{\"a\":1}".as_slice()));
}

#[tokio::test]
async fn redirects_are_not_followed_and_refusals_are_told() {
    let elsewhere = TestServer::start(|_, _| Answer::json(200, &json!({})));
    let target = elsewhere.url();
    let server = TestServer::start(move |_, _| Answer::error(307, "go").with_header("location", &target));
    let listed = host(&server);
    let refused = poster(&[&listed]).post(&format!("http://{listed}/"), &[], "{}".to_owned()).await;
    assert!(matches!(refused, Err(PostError::Refused { status: 307, .. })), "{refused:?}");
    assert!(elsewhere.seen().is_empty());
}

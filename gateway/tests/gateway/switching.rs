//! Exposures that change while questions are asked.

use std::sync::atomic::{AtomicBool, Ordering};

use empiric_schema::artifact::Digest;
use empiric_schema::exposure::{Canary, Exposure};
use empiric_schema::served::Audience;
use empiric_schema::spec::StageName;
use serde_json::{Value, json};

use crate::fixture::*;

fn text(body: &Value) -> String {
    body["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_under_load_drops_no_request() {
    let (setup, server) = (Setup::new().await, echo());
    let first = setup.expose(&remote(&server, "one"), StageName::Internal).await;
    let second = setup.release(&remote(&server, "two")).await;
    let running = setup.start().await;
    let is_over = AtomicBool::new(false);
    let load = async {
        let mut said = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            said.extend(futures::future::join_all((0..8).map(|_| running.ask("x"))).await);
        }
        said
    };
    let switch = async {
        for revision in 2..8 {
            let serving = if revision % 2 == 0 { &second } else { &first };
            expose(&running.database, exposed(serving, StageName::Internal, revision)).await;
            let expected = if revision % 2 == 0 { "two says: Q: x" } else { "one says: Q: x" };
            until("the switch", || async { (text(&running.ask("x").await.1) == expected).then_some(()) })
                .await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let (said, ()) = futures::join!(load, switch);
    let failed: Vec<_> = said.iter().filter(|(status, _)| *status != 200).collect();
    assert!(failed.is_empty() && said.len() > 20, "{} of {}: {failed:?}", failed.len(), said.len());
    let count = |name: &str| said.iter().filter(|(_, body)| text(body).starts_with(name)).count();
    assert!(count("one") > 0 && count("two") > 0 && count("one") + count("two") == said.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_be_loaded_is_not_served_and_the_old_one_goes_on() {
    let (mut setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Direct).await;
    let broken = local(&mut setup, 5);
    std::fs::write(setup.files.0.values().next().unwrap(), b"GGUF and nothing else").unwrap();
    let broken = setup.release(&broken).await;
    let running = setup.start().await;
    for (revision, version) in [(2, &broken), (3, &Digest::of(b"unknown"))] {
        expose(&running.database, exposed(version, StageName::Direct, revision)).await;
        let told = || async {
            let (status, body) = running.get("/readyz", None).await;
            let told = body["problem"].as_str().unwrap_or_default().contains(&format!("revision {revision}"));
            told.then_some(status)
        };
        assert_eq!(until("the problem", told).await, 200);
        assert_eq!(text(&running.ask("x").await.1), "one says: Q: x");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_back_holds_even_if_the_version_to_go_back_to_is_gone() {
    let (setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "bad"), StageName::Direct).await;
    let user = setup.key("app", Audience::Users).await;
    let running = setup.start().await;
    assert_eq!(running.ask_as(Some(&user), "x").await.0, 200);
    let gone = Digest::of(b"unknown");
    expose(&running.database, exposed(&gone, StageName::Internal, 2)).await;
    let closed = || async { (running.ask_as(Some(&user), "x").await.0 == 403).then_some(()) };
    until("the step back", closed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canary_answers_its_share_and_each_client_stays_with_it() {
    let (setup, server) = (Setup::new().await, echo());
    let serving = setup.release(&remote(&server, "one")).await;
    let version = setup.release(&remote(&server, "two")).await;
    let canary = Some(Canary { version, percent: 30 });
    expose(&setup.database, Exposure { canary, ..exposed(&serving, StageName::Direct, 1) }).await;
    let running = setup.start().await;
    let ask = async |client: usize| {
        let body =
            json!({"messages": [{"role": "user", "content": "x"}], "user": format!("client {client}")});
        text(&running.post("/v1/chat/completions", None, &body).await.1)
    };
    let mut on_trial = 0;
    for client in 0..60 {
        let first = ask(client).await;
        assert_eq!(ask(client).await, first);
        on_trial += usize::from(first.starts_with("two"));
    }
    assert!((6..=30).contains(&on_trial), "{on_trial} of 60");
    let log = running.log(120).await;
    assert_eq!(log.iter().filter(|row| row.arm == "canary").count(), 2 * on_trial);
    assert!(log.iter().all(|row| row.client_id.starts_with("local/") && !row.client_id.contains("client")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shadow_answers_beside_and_nobody_sees_it() {
    let (setup, server) = (Setup::new().await, echo());
    let serving = setup.release(&remote(&server, "one")).await;
    let shadow = Some(setup.release(&remote(&server, "two")).await);
    expose(&setup.database, Exposure { shadow, ..exposed(&serving, StageName::Direct, 1) }).await;
    let running = setup.start().await;
    assert_eq!(text(&running.ask("x").await.1), "one says: Q: x");
    let log = running.log(2).await;
    let (shown, hidden) = (&log[0], &log[1]);
    assert_eq!((shown.arm.as_str(), hidden.arm.as_str()), ("serving", "shadow"));
    assert_eq!(hidden.beside.as_ref(), Some(&shown.id));
    assert_eq!(hidden.response.as_deref(), Some("two says: Q: x"));
}

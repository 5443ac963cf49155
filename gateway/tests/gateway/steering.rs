//! Steps of the rollout are taken from its page: shown once more, bound to what was looked at, by a named reviewer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use empiric_gateway::steer::{Act, Order, Outlook, Prospect, SteerError, Steering};
use empiric_schema::artifact::Digest;
use empiric_schema::evidence::Verdict;
use empiric_schema::rollout::{Judged, RolloutView, Rung, SubjectView};
use empiric_schema::served::Audience;
use empiric_schema::spec::StageName::{Direct, Internal, Reviewed};
use reqwest::header::{COOKIE, ORIGIN};

use crate::fixture::*;

/// A rollout that takes every order, unless it was told to refuse.
#[derive(Debug, Default)]
struct Rollout {
    orders: Mutex<Vec<Order>>,
    refusal: Option<&'static str>,
    is_away: bool,
}

fn rung(stage: empiric_schema::spec::StageName, traffic: u8) -> Rung {
    Rung { stage, traffic }
}

fn view() -> RolloutView {
    let subject = SubjectView {
        version: Digest::of(b"new"),
        rung: rung(Reviewed, 100),
        since: 0.0,
        judged: Judged { passed: 20, failed: 1 },
        needed: 30,
        verdict: Verdict::Inconclusive,
        harm: None,
    };
    RolloutView {
        project: PROJECT.to_owned(),
        revision: 3,
        ladder: vec![rung(Internal, 100), rung(Reviewed, 100), rung(Direct, 50), rung(Direct, 100)],
        max_failure_rate: 0.25,
        subject: Some(subject),
        nonce: "moment-3".to_owned(),
        ..RolloutView::default()
    }
}

#[async_trait]
impl Steering for Rollout {
    async fn look(&self) -> Result<Outlook, SteerError> {
        if self.is_away {
            return Err(SteerError::Away("no server is running".to_owned()));
        }
        let (version, to) = (Digest::of(b"next"), rung(Internal, 100));
        let prospect = Prospect { version, origin: "p-1 <b>kept</b>".to_owned(), to };
        Ok(Outlook { view: view(), prospects: vec![prospect] })
    }

    async fn carry_out(&self, order: Order) -> Result<(), SteerError> {
        if let Some(refusal) = self.refusal {
            return Err(SteerError::Refused(refusal.to_owned()));
        }
        self.orders.lock().unwrap().push(order);
        Ok(())
    }
}

/// A gateway whose pages steer this rollout, and the cookie of the reviewer `ada`.
async fn steered(rollout: Rollout) -> (Running, Arc<Rollout>, String) {
    let (mut setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), Reviewed).await;
    let key = setup.key("ada", Audience::Reviewers).await;
    let rollout = Arc::new(rollout);
    setup.steering = Some(rollout.clone());
    let running = setup.start().await;
    let request = running.http.post(format!("{}/login", running.address)).header(ORIGIN, &running.address);
    let response = request.form(&[("key", key)]).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    (running, rollout, cookie)
}

async fn get(running: &Running, path: &str, cookie: &str) -> (u16, String) {
    let request = running.http.get(format!("{}{path}", running.address)).header(COOKIE, cookie);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn take(running: &Running, cookie: &str, origin: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let request = running.http.post(format!("{}/rollout/step", running.address));
    let request = request.header(ORIGIN, origin).header(COOKIE, cookie).form(fields);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn onward(version: &str) -> [(&str, &str); 5] {
    [("act", "promote"), ("version", version), ("to", "direct:50"), ("nonce", "moment-3"), ("note", " seen ")]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_shown_once_more_and_taken_under_the_reviewers_name() {
    let (running, rollout, cookie) = steered(Rollout::default()).await;
    let (status, page) = get(&running, "/rollout", &cookie).await;
    assert!(status == 200 && page.contains("Promote to direct at 50 %…"), "{page}");
    assert!(page.contains("1 of 21 judged answers failed"), "{page}");
    let version = Digest::of(b"new").to_string();
    let link = format!("/rollout/step?act=promote&version={version}&to=direct:50");
    let (status, page) = get(&running, &link, &cookie).await;
    assert!(status == 200 && page.contains(Digest::of(b"new").short()), "{page}");
    assert!(page.contains("goes on from reviewed to direct at 50 %") && page.contains("moment-3"), "{page}");
    assert!(rollout.orders.lock().unwrap().is_empty(), "looking changes nothing");
    assert_eq!(take(&running, &cookie, &running.address, &onward(&version)).await.0, 303);
    let order = Order {
        act: Act::Promote,
        version: Digest::of(b"new"),
        to: Some(rung(Direct, 50)),
        nonce: "moment-3".to_owned(),
        by: Some("ada".to_owned()),
        note: "seen".to_owned(),
    };
    assert_eq!(*rollout.orders.lock().unwrap(), [order]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_strangers_pages_take_no_step() {
    let (running, rollout, cookie) = steered(Rollout::default()).await;
    let version = Digest::of(b"new").to_string();
    assert_eq!(take(&running, &cookie, "http://evil.example", &onward(&version)).await.0, 403);
    let (status, _) = take(&running, "empiric_session=guessed", &running.address, &onward(&version)).await;
    assert_eq!(status, 303, "who is not signed in is sent to sign in");
    let (status, _) = get(&running, "/rollout/step?act=demote&version=x", "").await;
    assert_eq!(status, 303);
    assert!(rollout.orders.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_in_the_rollouts_words_and_a_step_that_is_not_offered_is_not_taken() {
    let refusal = Some("the claim is about what stood before: look <again> and sign anew");
    let (running, rollout, cookie) = steered(Rollout { refusal, ..Rollout::default() }).await;
    let version = Digest::of(b"new").to_string();
    let (status, page) = take(&running, &cookie, &running.address, &onward(&version)).await;
    assert!(status == 409 && page.contains("Not done: the claim is about what stood before"), "{page}");
    assert!(page.contains("look &lt;again&gt;") && page.contains("Promote to direct"), "{page}");
    let other = Digest::of(b"other").to_string();
    let (status, page) = take(&running, &cookie, &running.address, &onward(&other)).await;
    assert!(status == 409 && page.contains("Nothing was done"), "{page}");
    let brought = format!("/rollout/step?act=promote&version={}&to=internal:100", Digest::of(b"next"));
    let (_, page) = get(&running, &brought, &cookie).await;
    assert!(page.contains("p-1 &lt;b&gt;kept"), "{page}");
    assert!(rollout.orders.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_rollout_cannot_be_reached_the_page_says_what_to_type() {
    let (running, _, cookie) = steered(Rollout { is_away: true, ..Rollout::default() }).await;
    let (status, page) = get(&running, "/rollout", &cookie).await;
    assert!(status == 200 && !page.contains("/rollout/step"), "{page}");
    assert!(page.contains("no server is running") && page.contains("<code>empiric promote</code>"), "{page}");
    let version = Digest::of(b"new").to_string();
    let (status, page) = take(&running, &cookie, &running.address, &onward(&version)).await;
    assert!(status == 503 && page.contains("Nothing was done"), "{page}");
}

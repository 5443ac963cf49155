//! Callers are told of decisions about their drafts: signed, at allowed addresses, again until it is taken, and not
//! for ever.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use empiric_gateway::{Courier, Notice};
use empiric_schema::artifact::Digest;
use empiric_schema::db::entity::callback;
use empiric_schema::served::Audience;
use empiric_schema::spec::{OnTimeout, StageName};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::fixture::*;

const HOOK: &str = "https://hooks.example.com/x?token=hunter2";

/// Takes notices after it has refused some.
#[derive(Debug, Default)]
struct Receiver {
    refusals: Mutex<u32>,
    taken: Mutex<Vec<Notice>>,
}

#[async_trait]
impl Courier for Receiver {
    fn check(&self, address: &str) -> Result<(), String> {
        if address.starts_with("https://hooks.example.com/") { Ok(()) } else { Err("not listed".to_owned()) }
    }

    async fn bring(&self, _: &str, notice: Notice) -> Result<(), String> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err("503".to_owned());
        }
        self.taken.lock().unwrap().push(notice);
        Ok(())
    }
}

struct Bench {
    running: Running,
    receiver: Arc<Receiver>,
    user: String,
    reviewer: String,
    _server: empiric_endpoint::test_server::TestServer,
}

async fn bench(refusals: u32, change: impl FnOnce(&mut Setup)) -> Bench {
    let (mut setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Reviewed).await;
    let (user, reviewer) =
        (setup.key("app", Audience::Users).await, setup.key("ada", Audience::Reviewers).await);
    let receiver = Arc::new(Receiver { refusals: Mutex::new(refusals), ..Receiver::default() });
    setup.courier = Some(receiver.clone());
    setup.settings.callback_pauses = vec![Duration::from_millis(20); 2];
    change(&mut setup);
    Bench { running: setup.start().await, receiver, user, reviewer, _server: server }
}

impl Bench {
    async fn ask(&self, callback: &str) -> (u16, Value) {
        let messages = json!([{"role": "user", "content": "x"}]);
        let body = json!({"messages": messages, "empiric": {"callback": callback}});
        self.running.post("/v1/chat/completions", Some(&self.user), &body).await
    }

    async fn approve(&self) {
        let draft = self.running.drafts().await.remove(0);
        let body = json!({"decision": "edit", "answer": "better", "digest": draft.digest});
        let path = format!("/v1/review/drafts/{}", draft.id);
        assert_eq!(self.running.post(&path, Some(&self.reviewer), &body).await.0, 200);
    }

    async fn until_state(&self, wanted: &str) -> callback::Model {
        let look = || async {
            let row = callback::Entity::find().one(&self.running.database).await.unwrap();
            row.filter(|row| row.state == wanted)
        };
        until(wanted, look).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_told_once_with_a_signature_of_its_key() {
    let bench = bench(2, |_| ()).await;
    let (status, waiting) = bench.ask(HOOK).await;
    assert_eq!(status, 202, "{waiting}");
    assert_eq!(bench.until_state("waiting").await.url, HOOK);
    bench.approve().await;
    let told = bench.until_state("delivered").await;
    assert_eq!((told.attempts, told.url.as_str()), (3, ""), "two refusals, and the address is forgotten");
    let taken = bench.receiver.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 1);
    let header = |wanted: &str| taken[0].headers.iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
    assert_eq!(header("webhook-id"), waiting["id"].as_str().unwrap());
    let secret = hex(&bench.user);
    let signed = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), taken[0].body);
    assert_eq!(header("webhook-signature"), format!("v1,{}", hmac_base64(&secret, &signed)));
    let body: Value = serde_json::from_str(&taken[0].body).unwrap();
    assert_eq!(body["data"]["status"], "edited");
    assert_eq!(body["data"]["completion"]["choices"][0]["message"]["content"], "better");
    let logged = bench.running.log(1).await.remove(0).request.unwrap().to_string();
    assert!(!logged.contains("hunter2"), "{logged}");
}

/// The SHA-256 of a key.
fn hex(key: &str) -> Vec<u8> {
    hex_bytes(Digest::of(key.as_bytes()).hex())
}

fn hex_bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// HMAC-SHA256 (RFC 2104) by hand, as a receiver in another language has it.
fn hmac_base64(secret: &[u8], text: &str) -> String {
    let pad = |byte: u8| -> Vec<u8> {
        let mut block = [0u8; 64];
        block[..secret.len()].copy_from_slice(secret);
        block.iter().map(|one| one ^ byte).collect()
    };
    let sha = |parts: [&[u8]; 2]| hex_bytes(Digest::of(&parts.concat()).hex());
    let inner = sha([&pad(0x36), text.as_bytes()]);
    base64(&sha([&pad(0x5c), &inner]))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| -> String {
        let number =
            three.iter().fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        let digit = |at: u32| char::from(DIGITS[(number >> (18 - 6 * at)) as usize & 63]);
        (0..4).map(|at| if at as usize <= three.len() { digit(at) } else { '=' }).collect()
    };
    bytes.chunks(3).map(group).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_answers_is_given_up_and_a_draft_that_expires_is_told_too() {
    let bench = bench(99, |setup| {
        setup.settings.review_deadline = Duration::from_millis(50);
        setup.settings.on_timeout = OnTimeout::Reject;
    });
    let bench = bench.await;
    assert_eq!(bench.ask(HOOK).await.0, 202);
    let ended = bench.until_state("given_up").await;
    assert_eq!((ended.attempts, ended.problem.as_str(), ended.url.as_str()), (3, "503", ""));
    assert!(bench.receiver.taken.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_allowed_are_refused_before_anything_is_asked() {
    let bench = bench(0, |_| ()).await;
    for address in ["https://169.254.169.254/latest", "https://evil.example/", "http://127.0.0.1:1/"] {
        let (status, body) = bench.ask(address).await;
        assert!(status == 400 && body["error"]["message"].as_str().unwrap().contains("not listed"), "{body}");
    }
    assert!(bench.running.drafts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_or_a_list_of_hosts_nobody_is_called_back() {
    let (setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Reviewed).await;
    let running = setup.start().await;
    let messages = json!([{"role": "user", "content": "x"}]);
    let body = json!({"messages": messages, "empiric": {"callback": HOOK}});
    let (status, body) = running.post("/v1/chat/completions", None, &body).await;
    assert!(status == 400 && body["error"]["message"].as_str().unwrap().contains("caller's key"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_back_is_told_nothing() {
    let bench = bench(0, |_| ()).await;
    assert_eq!(bench.ask(HOOK).await.0, 202);
    bench.running.store.revoke_key(PROJECT, "app", 1.0).await.unwrap();
    bench.approve().await;
    assert!(bench.until_state("given_up").await.problem.contains("taken back"));
}

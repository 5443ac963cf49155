//! Telling callers of decisions about their drafts, where the project allows it.
//!
//! The form is that of Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature` over both and the
//! body. The secret is the SHA-256 of the caller's key, which both sides have. A receiver may be told more than once,
//! always under the same id. Reaching it is left to whoever makes the gateway.

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use empiric_schema::db::entity::{callback, draft};
use empiric_schema::served::CallbackState;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use crate::api::draft_body;
use crate::clock;
use crate::error::{GatewayError, chain};
use crate::gateway::Gateway;

/// Most bytes of a body; a longer answer has to be asked for.
const LARGEST: usize = 128 * 1024;
/// Seconds in which nobody else tries what is being tried.
const TURN: f64 = 60.0;
/// Callbacks of one round.
const MOST: u64 = 32;
/// Rounds between two looks for decisions that another process left without a word.
const ROUNDS: u64 = 60;

/// Somebody who reaches receivers.
#[async_trait]
pub trait Courier: fmt::Debug + Send + Sync {
    /// Whether this address may be told, in words if not.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, address: &str) -> Result<(), String>;

    /// Brings a notice once.
    ///
    /// # Errors
    /// Why it was not taken.
    async fn bring(&self, address: &str, notice: Notice) -> Result<(), String>;
}

/// What a receiver is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Headers by their names.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// A callback for a draft that is about to be written.
pub(crate) fn row(project: &str, draft: &str, url: String) -> callback::Model {
    callback::Model {
        draft: draft.to_owned(),
        project: project.to_owned(),
        url,
        state: CallbackState::Waiting.name().to_owned(),
        attempts: 0,
        next: 0.0,
        delivered: None,
        problem: String::new(),
    }
}

/// Tells receivers for ever.
pub(crate) async fn deliver(gateway: Gateway) {
    let Some(courier) = gateway.shared.courier.clone() else { return };
    for round in 0u64.. {
        if let Err(error) = deliver_round(&gateway, &*courier, round).await {
            tracing::warn!(error = chain(&error), "callbacks could not be looked at");
        }
        tokio::time::sleep(gateway.shared.settings.poll).await;
    }
}

async fn deliver_round(gateway: &Gateway, courier: &dyn Courier, round: u64) -> Result<(), GatewayError> {
    let (store, project) = (&gateway.shared.store, &gateway.shared.settings.project);
    if round.is_multiple_of(ROUNDS) {
        store.find_due_callbacks(project).await?;
    }
    let due = store.due_callbacks(project, clock::now(), MOST).await?;
    let told = due.into_iter().map(|callback| tell(gateway, courier, callback));
    futures::future::try_join_all(told).await.map(|_| ())
}

/// Tells one receiver once, if nobody else does, and writes how that went.
async fn tell(
    gateway: &Gateway,
    courier: &dyn Courier,
    callback: callback::Model,
) -> Result<(), GatewayError> {
    let (store, settings) = (&gateway.shared.store, &gateway.shared.settings);
    if !store.claim_callback(&callback, clock::now() + TURN).await? {
        return Ok(());
    }
    let brought = match notice(gateway, &callback).await? {
        Ok(notice) => courier.bring(&callback.url, notice).await.map_err(Failed::Again),
        Err(reason) => Err(Failed::ForGood(reason)),
    };
    match brought {
        Ok(()) => store.end_callback(&callback.draft, CallbackState::Delivered, "", clock::now()).await,
        Err(Failed::Again(problem)) => {
            let tries = usize::try_from(callback.attempts).unwrap_or(usize::MAX);
            match settings.callback_pauses.get(tries) {
                Some(pause) => {
                    let next = clock::now() + pause.as_secs_f64();
                    store.retry_callback(&callback.draft, next, &problem).await
                }
                None => give_up(gateway, &callback, &problem).await,
            }
        }
        Err(Failed::ForGood(problem)) => give_up(gateway, &callback, problem).await,
    }
}

enum Failed {
    Again(String),
    ForGood(&'static str),
}

async fn give_up(gateway: &Gateway, callback: &callback::Model, problem: &str) -> Result<(), GatewayError> {
    tracing::warn!(draft = callback.draft, problem, "a caller was not told of a decision");
    let store = &gateway.shared.store;
    store.end_callback(&callback.draft, CallbackState::GivenUp, problem, clock::now()).await
}

/// What the receiver is told, or why it must not be told.
async fn notice(
    gateway: &Gateway,
    callback: &callback::Model,
) -> Result<Result<Notice, &'static str>, GatewayError> {
    let (store, project) = (&gateway.shared.store, &gateway.shared.settings.project);
    let Some(draft) = store.draft(project, &callback.draft).await? else {
        return Ok(Err("the draft is gone"));
    };
    let Some(secret) = store.key_secret(project, &draft.api_key).await? else {
        return Ok(Err("the caller's key was taken back"));
    };
    Ok(signed(&draft, &secret, clock::now()).ok_or("the signature cannot be made"))
}

fn signed(draft: &draft::Model, secret: &[u8], now: f64) -> Option<Notice> {
    let (body, at) = (body(draft), format!("{now:.0}"));
    let mut code = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    code.update(format!("{}.{at}.{body}", draft.id).as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()));
    let headers =
        vec![("webhook-id", draft.id.clone()), ("webhook-timestamp", at), ("webhook-signature", signature)];
    Some(Notice { headers, body })
}

fn body(draft: &draft::Model) -> String {
    let whole = |data| json!({"type": "draft.decided", "data": data}).to_string();
    let text = whole(draft_body(draft));
    if text.len() <= LARGEST {
        return text;
    }
    whole(draft_body(&draft::Model { given: None, ..draft.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(given: &str) -> draft::Model {
        draft::Model {
            id: "d1".to_owned(),
            project: "p".to_owned(),
            request_id: "r1".to_owned(),
            client_id: "app".to_owned(),
            api_key: "app".to_owned(),
            version: "v".to_owned(),
            arm: "serving".to_owned(),
            stage: "reviewed".to_owned(),
            input: "x".to_owned(),
            answer: "y".to_owned(),
            digest: "z".to_owned(),
            passages: json!([]),
            state: "approved".to_owned(),
            created: 1.0,
            deadline: 2.0,
            escalated: None,
            decided: Some(1.5),
            decided_by: Some("ada".to_owned()),
            given: Some(given.to_owned()),
            note: None,
            signature: None,
        }
    }

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let notice = signed(&draft("yes"), b"secret", 7.0).unwrap();
        let mut code = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        code.update(format!("d1.7.{}", notice.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()));
        assert_eq!(notice.headers[2], ("webhook-signature", expected));
        assert!(notice.body.contains("\"content\":\"yes\"") && !notice.body.contains("ada"));
    }

    #[test]
    fn an_answer_that_is_too_long_has_to_be_asked_for() {
        let text = body(&draft(&"x".repeat(LARGEST)));
        assert!(text.len() < 1000 && text.contains("approved"), "{text}");
    }
}

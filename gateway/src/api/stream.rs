//! Answers as server-sent events. In the stage `reviewed` the stream waits for the person and then has the answer.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use empiric_jobs::model::Finish;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::answer::{Concluded, Pending, begin};
use super::ask::Asked;
use super::drafts::{Given, await_decision};
use super::error::ApiError;
use super::wire::{chunk, usage_chunk};
use crate::gateway::Gateway;

/// How often a waiting stream says that it lives, so that proxies keep it.
const ALIVE: Duration = Duration::from_secs(10);
/// How long a stream waits for a person before it says where to ask later.
const PATIENCE: Duration = Duration::from_secs(600);

/// Begins the stream.
pub(super) fn answer(gateway: &Gateway, asked: Asked, wants_usage: bool) -> Result<Response, ApiError> {
    let (pieces, received) = mpsc::unbounded_channel();
    // A draft goes to nobody before a person has seen it.
    let pieces = (!asked.is_draft).then_some(pieces);
    let pending = begin(gateway, asked.clone(), pieces)?;
    let (events, out) = mpsc::unbounded_channel();
    let talk = Talk { gateway: gateway.clone(), asked, events, wants_usage };
    tokio::spawn(talk.tell(pending, received));
    let events = futures::stream::unfold(out, |mut out| async move {
        let event: Event = out.recv().await?;
        Some((Ok::<_, Infallible>(event), out))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

/// Tells the caller what comes, until the caller leaves.
struct Talk {
    gateway: Gateway,
    asked: Asked,
    events: mpsc::UnboundedSender<Event>,
    wants_usage: bool,
}

impl Talk {
    async fn tell(self, pending: Pending, mut pieces: mpsc::UnboundedReceiver<String>) {
        let Pending { outcome, waits } = pending;
        self.say(&chunk(&self.asked, &json!({"role": "assistant", "content": ""}), None));
        loop {
            tokio::select! {
                piece = pieces.recv() => match piece {
                    Some(piece) => self.say(&chunk(&self.asked, &json!({"content": piece}), None)),
                    None => break,
                },
                // Nobody listens: the work ends with its token.
                () = self.events.closed() => return,
            }
        }
        let concluded = outcome.await.unwrap_or_else(|_| Err(ApiError::failed()));
        drop(waits);
        match concluded {
            Ok(concluded) => self.end(&concluded).await,
            Err(error) => self.say(&error.body()),
        }
    }

    async fn end(&self, concluded: &Concluded) {
        let is_told = match &concluded.draft {
            Some(draft) => self.tell_decision(draft).await,
            None => true,
        };
        if is_told {
            self.say(&chunk(&self.asked, &json!({}), Some(concluded.finish)));
            if self.wants_usage {
                self.say(&usage_chunk(&self.asked, concluded));
            }
        }
        let _ = self.events.send(Event::default().data("[DONE]"));
    }

    /// Waits for the person, and says what is given. Whether there is an answer.
    async fn tell_decision(&self, draft: &str) -> bool {
        let _ = self.events.send(Event::default().comment(format!("draft {draft}")));
        let decided = tokio::select! {
            decided = tokio::time::timeout(PATIENCE, await_decision(&self.gateway, draft)) => decided,
            () = self.events.closed() => return false,
        };
        match decided {
            Ok(Ok(Given::Answer(text))) => {
                self.say(&chunk(&self.asked, &json!({"content": text}), None));
                true
            }
            Ok(Ok(Given::Refused)) => {
                self.say(&chunk(
                    &self.asked,
                    &json!({"refusal": "a person refused this answer"}),
                    Some(Finish::End),
                ));
                false
            }
            Ok(Err(error)) => {
                self.say(&error.body());
                false
            }
            Err(_) => {
                self.say(&json!({"id": draft, "object": "draft", "status": "pending", "poll": format!("/v1/drafts/{draft}")}));
                false
            }
        }
    }

    fn say(&self, value: &Value) {
        let _ = self.events.send(Event::default().data(value.to_string()));
    }
}

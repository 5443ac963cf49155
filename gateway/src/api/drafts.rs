//! `/v1/drafts/{id}`: what became of an answer that waits for a person.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use empiric_schema::db::entity::draft;
use empiric_schema::served::{Audience, DraftState};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::gateway::Gateway;
use crate::guard::ApiCaller;
use crate::keys::Caller;

/// Longest wait of one poll, in seconds.
const LONGEST: f64 = 60.0;
/// How often a draft is looked at, since another process may decide about it too.
const LOOK: Duration = Duration::from_secs(1);

/// What the caller is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// This answer.
    Answer(String),
    /// None.
    Refused,
}

/// How long a poll waits.
#[derive(Debug, Deserialize)]
pub(super) struct Wait {
    /// Seconds.
    #[serde(default)]
    wait: f64,
}

/// Shows a draft to who asked; the answer only when a person gave it out.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    ApiCaller(caller): ApiCaller,
    Path(id): Path<String>,
    Query(Wait { wait }): Query<Wait>,
) -> Result<Json<Value>, ApiError> {
    let draft = own(&gateway, &caller, &id).await?;
    let patience = Duration::from_secs_f64(wait.clamp(0.0, LONGEST));
    if DraftState::of(&draft.state) != Some(DraftState::Pending) || patience.is_zero() {
        return Ok(Json(body(&draft)));
    }
    let _ = tokio::time::timeout(patience, await_decision(&gateway, &id)).await;
    Ok(Json(body(&own(&gateway, &caller, &id).await?)))
}

/// A draft of this caller; others learn not even that it is there.
async fn own(gateway: &Gateway, caller: &Caller, id: &str) -> Result<draft::Model, ApiError> {
    let found = gateway.shared.store.draft(&gateway.shared.settings.project, id).await?;
    let may_see =
        |draft: &draft::Model| draft.api_key == caller.name || caller.audience == Audience::Reviewers;
    found.filter(may_see).ok_or_else(|| ApiError::not_found("there is no such draft"))
}

/// A draft as its caller sees it.
pub(crate) fn body(draft: &draft::Model) -> Value {
    let completion = draft.given.as_ref().map(|text| {
        json!({
            "id": draft.request_id,
            "object": "chat.completion",
            "created": draft.created as u64,
            "model": draft.project,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "logprobs": null,
                "finish_reason": "stop",
            }],
        })
    });
    json!({
        "id": draft.id,
        "object": "draft",
        "status": draft.state,
        "request": draft.request_id,
        "created": draft.created as u64,
        "completion": completion,
    })
}

/// Waits until somebody has decided.
pub(super) async fn await_decision(gateway: &Gateway, id: &str) -> Result<Given, ApiError> {
    let shared = &gateway.shared;
    loop {
        // Asked for before the look, so that a decision between the two is not missed.
        let told = shared.decided.notified();
        let draft = shared.store.draft(&shared.settings.project, id).await?;
        let draft = draft.ok_or_else(|| ApiError::not_found("there is no such draft"))?;
        if DraftState::of(&draft.state).is_some_and(DraftState::is_final) {
            return Ok(draft.given.map_or(Given::Refused, Given::Answer));
        }
        let _ = tokio::time::timeout(LOOK, told).await;
    }
}

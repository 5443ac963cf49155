//! `/v1/review/drafts`: the queue for programs of reviewers.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::gateway::Gateway;
use crate::guard::ApiReviewer;
use crate::review::{self, ReviewError, Verdict};

/// Drafts of one answer at most.
const MOST: u64 = 200;

/// Which part of the queue.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    skip: u64,
    #[serde(default)]
    limit: Option<u64>,
}

/// A decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionBody {
    /// `approve`, `edit` or `reject`.
    decision: String,
    /// The digest of the draft that was looked at.
    digest: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    note: Option<String>,
}

/// The drafts that wait.
pub(super) async fn list(
    State(gateway): State<Gateway>,
    _: ApiReviewer,
    Query(part): Query<Part>,
) -> Result<Json<Value>, ApiError> {
    let shared = &gateway.shared;
    let most = part.limit.unwrap_or(MOST).min(MOST);
    let drafts = shared.store.pending(&shared.settings.project, part.skip, most).await?;
    let row = |draft: &empiric_schema::db::entity::draft::Model| {
        json!({
            "id": draft.id, "digest": draft.digest, "input": draft.input, "answer": draft.answer,
            "passages": draft.passages, "version": draft.version, "created": draft.created,
            "deadline": draft.deadline, "escalated": draft.escalated,
        })
    };
    Ok(Json(json!({"object": "list", "data": drafts.iter().map(row).collect::<Vec<_>>()})))
}

/// Takes a decision.
pub(super) async fn decide(
    State(gateway): State<Gateway>,
    ApiReviewer(reviewer): ApiReviewer,
    Path(id): Path<String>,
    Json(body): Json<DecisionBody>,
) -> Result<Json<Value>, ApiError> {
    let verdict = verdict(&body.decision, body.answer)
        .ok_or_else(|| ApiError::bad_request("`decision` is `approve`, `edit` or `reject`"))?;
    let draft = review::decide(&gateway, &reviewer, &id, &body.digest, verdict, body.note).await?;
    Ok(Json(
        json!({"id": draft.id, "status": draft.state, "by": draft.decided_by, "signature": draft.signature}),
    ))
}

/// A verdict by its word.
pub(crate) fn verdict(word: &str, answer: String) -> Option<Verdict> {
    match word {
        "approve" => Some(Verdict::Approve),
        "edit" => Some(Verdict::Edit(answer)),
        "reject" => Some(Verdict::Reject),
        _ => None,
    }
}

impl From<ReviewError> for ApiError {
    fn from(error: ReviewError) -> Self {
        let (status, code) = match &error {
            ReviewError::Unknown => (StatusCode::NOT_FOUND, "not_found"),
            ReviewError::Changed | ReviewError::Decided(_) => (StatusCode::CONFLICT, "conflict"),
            ReviewError::Empty => (StatusCode::BAD_REQUEST, "invalid_request"),
            ReviewError::OwnRequest => (StatusCode::FORBIDDEN, "forbidden"),
            ReviewError::Database(_) => return Self::unavailable("the decision could not be written"),
        };
        Self::new(status, code, error.to_string())
    }
}

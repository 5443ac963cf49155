//! `/v1/feedback`: thumbs and corrections.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use empiric_schema::db::entity::feedback;
use empiric_schema::served::{Audience, Thumb};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::clock;
use crate::gateway::Gateway;
use crate::guard::ApiCaller;

/// What a reader thinks of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedbackBody {
    /// The id of the answer.
    request: String,
    #[serde(default)]
    thumb: Option<Thumb>,
    #[serde(default)]
    correction: Option<String>,
    #[serde(default)]
    note: Option<String>,
    /// Whether the answer does harm.
    #[serde(default)]
    harmful: Option<bool>,
}

impl FeedbackBody {
    fn is_empty(&self) -> bool {
        let says = [self.correction.is_some(), self.note.is_some(), self.harmful.is_some()];
        self.thumb.is_none() && says == [false; 3]
    }
}

/// Keeps it.
pub(super) async fn give(
    State(gateway): State<Gateway>,
    ApiCaller(caller): ApiCaller,
    Json(body): Json<FeedbackBody>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if body.is_empty() {
        let expected = "say at least one of `thumb`, `correction`, `note` and `harmful`";
        return Err(ApiError::bad_request(expected));
    }
    let shared = &gateway.shared;
    let asked = shared.store.asked(&shared.settings.project, &body.request).await?;
    let may_judge = |key: &str| key == caller.name || caller.audience > Audience::Users;
    let asked = asked.filter(|asked| may_judge(&asked.api_key));
    let asked = asked.ok_or_else(|| ApiError::not_found("there is no such request of this key"))?;
    let redacted = |text: Option<String>| text.map(|text| shared.redactor.text(&text).0);
    let row = feedback::Model {
        sequence: 0,
        project: shared.settings.project.clone(),
        request_id: asked.id,
        version: asked.version,
        stage: asked.stage,
        by: caller.name,
        at: clock::now(),
        thumb: body.thumb.map(|thumb| thumb.name().to_owned()),
        correction: redacted(body.correction),
        note: redacted(body.note),
        harmful: body.harmful,
    };
    shared.writer.feedback(row).await?;
    Ok((StatusCode::CREATED, Json(json!({"status": "kept"}))))
}

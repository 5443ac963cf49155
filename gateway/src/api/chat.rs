//! `/v1/chat/completions`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::answer::begin;
use super::ask::{Asked, admit};
use super::error::ApiError;
use super::stream;
use super::wire::{ChatBody, completion};
use crate::gateway::Gateway;
use crate::guard::ApiCaller;

/// Answers, streams, or says where the answer will be.
pub(super) async fn complete(
    State(gateway): State<Gateway>,
    ApiCaller(caller): ApiCaller,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, ApiError> {
    check_type(&headers)?;
    let body = ChatBody::parse(&bytes)?;
    let whole = serde_json::from_slice(&bytes).unwrap_or_default();
    let asked = admit(&gateway, caller, &body, whole)?;
    let marks = marks(&asked, &body);
    let mut response = match body.stream {
        true => stream::answer(&gateway, asked, body.wants_usage())?,
        false => whole_answer(&gateway, asked).await?,
    };
    response.headers_mut().extend(marks);
    Ok(response)
}

/// Other types can be sent from any page without the browser asking first.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        true => Ok(()),
        false => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request",
            "send `Content-Type: application/json`",
        )),
    }
}

async fn whole_answer(gateway: &Gateway, asked: Asked) -> Result<Response, ApiError> {
    let pending = begin(gateway, asked.clone(), None)?;
    let concluded = pending.outcome.await.unwrap_or_else(|_| Err(ApiError::failed()))?;
    drop(pending.waits);
    Ok(match &concluded.draft {
        Some(draft) => (StatusCode::ACCEPTED, Json(waiting(&asked, draft))).into_response(),
        None => Json(completion(&asked, &concluded)).into_response(),
    })
}

/// Where the answer will be.
fn waiting(asked: &Asked, draft: &str) -> serde_json::Value {
    json!({
        "id": draft,
        "object": "draft",
        "status": "pending",
        "request": asked.id,
        "created": asked.at as u64,
        "model": asked.model,
        "poll": format!("/v1/drafts/{draft}"),
    })
}

/// Headers that say who answers and what is not followed.
fn marks(asked: &Asked, body: &ChatBody) -> Vec<(HeaderName, HeaderValue)> {
    let marks = [
        ("x-request-id", asked.id.clone()),
        ("x-empiric-version", asked.target.version.short().to_owned()),
        ("x-empiric-ignored", body.ignored()),
    ];
    let header = |(name, value): (&'static str, String)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
    };
    marks.into_iter().filter(|(_, value)| !value.is_empty()).filter_map(header).collect()
}

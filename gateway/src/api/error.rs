//! Errors in the form of OpenAI's interface.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::GatewayError;
use crate::limits::Refusal;
use crate::serving::Full;

/// What a caller is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// Stable, for programs.
    code: &'static str,
    message: String,
    /// Seconds.
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "a valid key is needed: `Authorization: Bearer KEY`",
        )
    }

    pub(crate) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
        Self { retry_after: Some(5), ..error }
    }

    /// What the caller may know of it; the log has the rest.
    pub(crate) fn failed() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "answer_failed", "the system could not answer this question")
    }

    /// The JSON of the error, also for streams.
    pub(crate) fn body(&self) -> Value {
        let kind = match self.status.as_u16() {
            429 => "rate_limit_error",
            400..500 => "invalid_request_error",
            _ => "server_error",
        };
        json!({"error": {"message": self.message, "type": kind, "code": self.code, "param": null}})
    }
}

impl From<Full> for ApiError {
    fn from(full: Full) -> Self {
        let message = "too many questions wait already";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", message);
        Self { retry_after: Some(whole_seconds(full.seconds)), ..error }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = format!("the limit of {} is reached", refusal.limit.words());
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "limit_reached", message);
        Self { retry_after: Some(whole_seconds(refusal.seconds)), ..error }
    }
}

impl From<GatewayError> for ApiError {
    fn from(error: GatewayError) -> Self {
        tracing::error!(error = crate::error::chain(&error), "a request could not be served");
        Self::unavailable("the gateway's records cannot be reached")
    }
}

fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil().clamp(1.0, 86_400.0) as u64
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

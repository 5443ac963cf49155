//! The programs' side: OpenAI's chat interface, drafts, reviews, feedback, health.

mod answer;
mod ask;
mod chat;
mod drafts;
mod error;
mod feedback;
mod health;
mod models;
mod reviews;
mod stream;
mod wire;

use axum::Router;
use axum::routing::{get, post};

use crate::gateway::Gateway;

pub(crate) use drafts::body as draft_body;
pub(crate) use error::ApiError;
pub(crate) use reviews::verdict;

/// What answers.
pub(crate) fn router() -> Router<Gateway> {
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/models", get(models::list))
        .route("/v1/feedback", post(feedback::give))
        .route("/v1/drafts/{id}", get(drafts::show))
        .route("/v1/review/drafts", get(reviews::list))
        .route("/v1/review/drafts/{id}", post(reviews::decide))
}

/// What says whether it does.
pub(crate) fn health_router() -> Router<Gateway> {
    Router::new().route("/healthz", get(health::alive)).route("/readyz", get(health::ready))
}

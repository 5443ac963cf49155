//! Whether the process lives, and whether it can answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::gateway::Gateway;

/// The process lives.
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// Ready when an exposure is served. A newer one that cannot be loaded is told and does not make it unready: the old
/// one is served.
pub(super) async fn ready(State(gateway): State<Gateway>) -> (StatusCode, Json<Value>) {
    let is_page_only = !gateway.shared.settings.is_serving;
    let problem = gateway.problem().map(|problem| format!("revision {} is not served", problem.revision));
    match gateway.served() {
        Some(served) => {
            let exposure = &served.exposure;
            let body = json!({"status": "ready", "revision": exposure.revision, "problem": problem});
            (StatusCode::OK, Json(body))
        }
        None if is_page_only => (StatusCode::OK, Json(json!({"status": "ready"}))),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "nothing is served", "problem": problem})),
        ),
    }
}

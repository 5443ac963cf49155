//! `/v1/models`: the project, which stands for whatever is served of it.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::guard::ApiCaller;

/// Lists the project.
pub(super) async fn list(State(gateway): State<Gateway>, _: ApiCaller) -> Json<Value> {
    let served = gateway.served();
    let created = served.map_or(0.0, |served| served.exposure.at) as u64;
    let project = &gateway.shared.settings.project;
    let model = json!({"id": project, "object": "model", "created": created, "owned_by": "empiric"});
    Json(json!({"object": "list", "data": [model]}))
}

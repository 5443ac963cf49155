//! Pages that cannot be shown.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::error::{GatewayError, chain};
use crate::gateway::Gateway;
use crate::guard::Reader;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// Nothing is there.
    Missing(&'static str),
    /// The request makes no sense.
    Refused(StatusCode, String),
    /// Something broke.
    Failed(GatewayError),
}

impl From<GatewayError> for PageError {
    fn from(error: GatewayError) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Missing(what) => (StatusCode::NOT_FOUND, what.to_owned()),
            Self::Refused(status, message) => (status, message),
            Self::Failed(error) => {
                tracing::error!(error = chain(&error), "a page could not be made");
                (StatusCode::SERVICE_UNAVAILABLE, "The records cannot be read now.".to_owned())
            }
        };
        (status, Html(plain(&message))).into_response()
    }
}

/// A page that needs no records.
fn plain(message: &str) -> String {
    let escaped = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Empiric</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"stylesheet\" href=\"/static/style.css\"></head>\
         <body><main><h1>Empiric</h1><p>{escaped}</p><p><a href=\"/\">Overview</a></p></main></body></html>"
    )
}

/// Any other address.
pub(super) async fn not_found(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
) -> Result<(StatusCode, Html<String>), PageError> {
    let content = json!({"title": "Nothing here", "message": "There is no page at this address."});
    Ok((StatusCode::NOT_FOUND, super::page(&gateway, &reader, "error.html.j2", content).await?))
}

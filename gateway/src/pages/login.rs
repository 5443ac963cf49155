//! Signing in with a reviewer's key.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{HeaderMap, SET_COOKIE};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use empiric_schema::served::Audience;
use serde::Deserialize;
use serde_json::json;

use super::PageError;
use crate::clock;
use crate::gateway::Gateway;
use crate::guard;
use crate::sessions::{COOKIE, LIFE};

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    key: String,
}

/// Asks for the key.
pub(super) async fn form(State(gateway): State<Gateway>) -> Result<Html<String>, PageError> {
    Ok(Html(ask(&gateway, "")?))
}

fn ask(gateway: &Gateway, problem: &str) -> Result<String, PageError> {
    let values = json!({"project": gateway.shared.settings.project, "problem": problem});
    Ok(gateway.shared.templates.render("login.html.j2", &values)?)
}

/// Begins a session.
pub(super) async fn sign_in(
    State(gateway): State<Gateway>,
    Form(fields): Form<Fields>,
) -> Result<Response, PageError> {
    let key = fields.key.trim();
    let caller = gateway.keys().find(Some(key));
    if caller.is_none_or(|caller| caller.audience != Audience::Reviewers) {
        let page = ask(&gateway, "This is not the key of a reviewer.")?;
        return Ok((StatusCode::UNAUTHORIZED, Html(page)).into_response());
    }
    let token = gateway.shared.sessions.begin(key, clock::now());
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={LIFE}");
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// Ends the session.
pub(super) async fn sign_out(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    if let Some(token) = guard::session(&headers) {
        gateway.shared.sessions.end(&token);
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

//! The people's side: what runs, what waits for a decision, what is served.
//!
//! Pages are made on the server and work without a script; a small one adds keys and live progress. Everything that
//! came from models or callers is escaped by the templates.

mod assets;
mod curve;
mod diff;
mod error;
mod home;
mod items;
mod login;
mod queue;
mod rollout;
mod run;
mod similar;
mod step;
mod steps;
mod templates;

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use serde::Serialize;

use crate::clock;
use crate::gateway::Gateway;
use crate::keys::Caller;

pub(crate) use error::PageError;
pub(crate) use templates::Templates;

/// All pages.
pub(crate) fn router() -> Router<Gateway> {
    Router::new()
        .route("/", get(home::show))
        .route("/login", get(login::form).post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/runs/{run}", get(run::show))
        .route("/runs/{run}/events", get(run::events))
        .route("/runs/{run}/items", get(items::show))
        .route("/runs/{run}/diff", get(diff::show))
        .route("/review", get(queue::next))
        .route("/review/{draft}", get(queue::show).post(queue::decide))
        .route("/rollout", get(rollout::show))
        .route("/rollout/step", get(step::confirm).post(step::take))
        .route("/static/style.css", get(assets::style))
        .route("/static/page.js", get(assets::script))
        .fallback(error::not_found)
}

/// What every page shows around its own content.
#[derive(Serialize)]
struct Frame<'a, T> {
    project: &'a str,
    reader: &'a str,
    /// Whether the reader can sign out.
    is_signed_in: bool,
    /// Drafts that wait.
    waiting: u64,
    now: f64,
    #[serde(flatten)]
    content: T,
}

/// Makes a page.
async fn page<T: Serialize>(
    gateway: &Gateway,
    reader: &Caller,
    template: &str,
    content: T,
) -> Result<Html<String>, PageError> {
    let shared = &gateway.shared;
    let waiting = shared.store.draft_counts(&shared.settings.project).await?.pending;
    let frame = Frame {
        project: &shared.settings.project,
        reader: &reader.name,
        is_signed_in: !reader.is_local,
        waiting,
        now: clock::now(),
        content,
    };
    Ok(Html(shared.templates.render(template, &frame)?))
}

//! `/rollout/step`: a step of the rollout is looked at once more, and taken with a person's name.
//!
//! The nonce of the view that was looked at goes with the form: what has changed since is refused by the rollout.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::steps::{Step, offered};
use super::{PageError, page, rollout};
use crate::gateway::Gateway;
use crate::guard::Reader;
use crate::steer::{Order, Outlook, SteerError, Steering};

/// Which step, as links and forms name it.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    act: String,
    version: String,
    #[serde(default)]
    to: String,
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    act: String,
    version: String,
    #[serde(default)]
    to: String,
    nonce: String,
    #[serde(default)]
    note: String,
}

#[derive(Serialize)]
struct Confirm {
    step: Step,
    nonce: String,
}

/// Shows what would happen. Changes nothing.
pub(super) async fn confirm(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
    Query(which): Query<Which>,
) -> Result<Html<String>, PageError> {
    let outlook = steering(&gateway)?.look().await.map_err(away)?;
    let step = find(&outlook, &which).ok_or_else(gone)?;
    page(&gateway, &reader, "step.html.j2", Confirm { step, nonce: outlook.view.nonce }).await
}

/// Takes the step, or says in words why not.
pub(super) async fn take(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
    Form(fields): Form<Fields>,
) -> Result<Response, PageError> {
    let steering = steering(&gateway)?;
    let outlook = steering.look().await.map_err(away)?;
    let Fields { act, version, to, nonce, note } = fields;
    let step = find(&outlook, &Which { act, version, to }).ok_or_else(gone)?;
    let order = Order {
        act: step.kind,
        version: step.version,
        to: step.rung,
        nonce,
        by: (!reader.is_local).then(|| reader.name.clone()),
        note: note.trim().to_owned(),
    };
    match steering.carry_out(order).await {
        Ok(()) => Ok(Redirect::to("/rollout").into_response()),
        Err(error) => {
            let page = rollout::show_with(&gateway, &reader, Some(words(&error))).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
    }
}

fn steering(gateway: &Gateway) -> Result<&dyn Steering, PageError> {
    let away = || away(SteerError::Away("this program does not steer it".to_owned()));
    gateway.shared.steering.as_deref().ok_or_else(away)
}

fn find(outlook: &Outlook, which: &Which) -> Option<Step> {
    let is_meant = |step: &Step| {
        step.act == which.act && step.version.to_string() == which.version && step.to == which.to
    };
    offered(outlook).into_iter().find(is_meant)
}

/// Whether an order was carried out is not known where the answer stays away.
fn words(error: &SteerError) -> String {
    match error {
        SteerError::Refused(reason) => format!("Not done: {reason}"),
        SteerError::Away(_) => error.to_string(),
    }
}

fn gone() -> PageError {
    let message = "This step is not to be taken any more: something has changed. Nothing was done.";
    PageError::Refused(StatusCode::CONFLICT, message.to_owned())
}

fn away(error: SteerError) -> PageError {
    PageError::Refused(StatusCode::SERVICE_UNAVAILABLE, format!("{error}. Nothing was done."))
}

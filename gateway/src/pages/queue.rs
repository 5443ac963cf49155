//! `/review`: one draft at a time, with all that is needed to decide: sources and what was decided about similar ones.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use empiric_schema::db::entity::draft;
use empiric_schema::served::DraftState;
use serde::{Deserialize, Serialize};

use super::similar::similar;
use super::{PageError, page};
use crate::api::verdict;
use crate::clock;
use crate::gateway::Gateway;
use crate::guard::Reader;
use crate::keys::Caller;
use crate::review::{self, ReviewError};
use crate::store::DraftCounts;

/// Drafts that are listed beside the one that is looked at.
const NEXT: u64 = 20;
/// Decisions among which similar ones are looked for.
const PAST: u64 = 500;
/// Similar ones that are shown.
const SIMILAR: usize = 3;

#[derive(Serialize)]
struct QueuePage {
    draft: Shown,
    counts: DraftCounts,
    next: Vec<(String, String, bool)>,
    similar: Vec<Shown>,
    problem: Option<String>,
}

/// A draft as people see it.
#[derive(Serialize)]
struct Shown {
    id: String,
    digest: String,
    input: String,
    answer: String,
    given: Option<String>,
    note: Option<String>,
    passages: serde_json::Value,
    version: String,
    client: String,
    state: String,
    is_pending: bool,
    is_escalated: bool,
    is_genuine: bool,
    decided_by: Option<String>,
    created: f64,
    deadline: f64,
}

/// What the forms send.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    decision: String,
    digest: String,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    note: String,
}

/// Shows the draft that waits first.
pub(super) async fn next(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
) -> Result<Html<String>, PageError> {
    let shared = &gateway.shared;
    match shared.store.pending(&shared.settings.project, 0, 1).await?.pop() {
        Some(draft) => queue_page(&gateway, &reader, draft, None).await,
        None => {
            let decided = shared.store.decided(&shared.settings.project, NEXT).await?;
            let decided: Vec<Shown> = decided.into_iter().map(|draft| shown(&gateway, draft)).collect();
            page(&gateway, &reader, "empty_queue.html.j2", serde_json::json!({"decided": decided})).await
        }
    }
}

/// Shows a draft.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
    Path(id): Path<String>,
) -> Result<Html<String>, PageError> {
    queue_page(&gateway, &reader, find(&gateway, &id).await?, None).await
}

async fn find(gateway: &Gateway, id: &str) -> Result<draft::Model, PageError> {
    let found = gateway.shared.store.draft(&gateway.shared.settings.project, id).await?;
    found.ok_or(PageError::Missing("There is no such draft."))
}

/// Takes a decision and goes on to the next draft.
pub(super) async fn decide(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, PageError> {
    let unknown = || PageError::Refused(StatusCode::BAD_REQUEST, "This is no decision.".to_owned());
    let verdict = verdict(&fields.decision, fields.answer).ok_or_else(unknown)?;
    let note = Some(fields.note.trim().to_owned()).filter(|note| !note.is_empty());
    match review::decide(&gateway, &reader, &id, &fields.digest, verdict, note).await {
        Ok(_) => Ok(Redirect::to("/review").into_response()),
        Err(ReviewError::Database(error)) => Err(error.into()),
        Err(ReviewError::Unknown) => Err(PageError::Missing("There is no such draft.")),
        Err(error) => {
            let page = queue_page(&gateway, &reader, find(&gateway, &id).await?, Some(error.to_string()));
            Ok((StatusCode::CONFLICT, page.await?).into_response())
        }
    }
}

async fn queue_page(
    gateway: &Gateway,
    reader: &Caller,
    draft: draft::Model,
    problem: Option<String>,
) -> Result<Html<String>, PageError> {
    let (store, project) = (&gateway.shared.store, &gateway.shared.settings.project);
    let waiting = store.pending(project, 0, NEXT).await?;
    let next = waiting.into_iter().map(|draft| (draft.id, draft.input, draft.escalated.is_some())).collect();
    let mut past = store.decided(project, PAST).await?;
    past.retain(|other| other.id != draft.id && !other.input.is_empty());
    let alike = similar(&draft.input, past, SIMILAR);
    let content = QueuePage {
        counts: store.draft_counts(project).await?,
        next,
        similar: alike.into_iter().map(|draft| shown(gateway, draft)).collect(),
        draft: shown(gateway, draft),
        problem,
    };
    page(gateway, reader, "queue.html.j2", content).await
}

fn shown(gateway: &Gateway, draft: draft::Model) -> Shown {
    let is_pending = DraftState::of(&draft.state) == Some(DraftState::Pending);
    Shown {
        is_genuine: is_pending || review::is_genuine(gateway, &draft),
        is_pending,
        is_escalated: draft.escalated.is_some() || (is_pending && draft.deadline < clock::now()),
        id: draft.id,
        digest: draft.digest,
        input: draft.input,
        answer: draft.answer,
        given: draft.given,
        note: draft.note,
        passages: draft.passages,
        version: draft.version,
        client: draft.client_id,
        state: draft.state,
        decided_by: draft.decided_by,
        created: draft.created,
        deadline: draft.deadline,
    }
}

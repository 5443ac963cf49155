//! `/rollout`: what is served to whom, how it does, and what readers say.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Html;
use empiric_schema::exposure::Exposure;
use empiric_schema::rollout::RolloutView;
use serde::Serialize;

use super::steps::{Step, offered};
use super::{PageError, page};
use crate::clock::{self, DAY};
use crate::gateway::Gateway;
use crate::guard::Reader;
use crate::keys::Caller;
use crate::steer::Outlook;
use crate::store::{DraftCounts, LogCounts};

/// Requests that are listed.
const LAST: u64 = 25;
/// Remarks that are listed.
const REMARKS: u64 = 8;

#[derive(Serialize)]
struct Rollout {
    exposure: Option<Exposure>,
    problem: Option<String>,
    /// Why the last step was not taken.
    refusal: Option<String>,
    /// Steps that may be taken here; none where the rollout cannot be reached.
    steps: Vec<Step>,
    /// Why there are none.
    away: Option<String>,
    /// The rollout as it stands, or as it was last written.
    view: Option<RolloutView>,
    lanes: Vec<(String, String, usize)>,
    counts: Vec<LogCounts>,
    drafts: DraftCounts,
    requests: Vec<RequestRow>,
    /// Thumbs of the last day, by kind.
    thumbs: BTreeMap<String, i64>,
    feedback: Vec<FeedbackRow>,
}

#[derive(Serialize)]
struct RequestRow {
    at: f64,
    question: String,
    answer: Option<String>,
    version: String,
    stage: String,
    arm: String,
    outcome: String,
    latency_ms: f64,
}

#[derive(Serialize)]
struct FeedbackRow {
    at: f64,
    by: String,
    thumb: Option<String>,
    correction: Option<String>,
    note: Option<String>,
}

/// Shows what is served, and the last day.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
) -> Result<Html<String>, PageError> {
    show_with(&gateway, &reader, None).await
}

/// The same, with the reason why a step was not taken.
pub(super) async fn show_with(
    gateway: &Gateway,
    reader: &Caller,
    refusal: Option<String>,
) -> Result<Html<String>, PageError> {
    let (outlook, away) = look(gateway).await;
    let (store, project) = (&gateway.shared.store, &gateway.shared.settings.project);
    let served = gateway.served();
    let lane = |lane: &std::sync::Arc<crate::serving::Lane>| {
        (lane.label.clone(), lane.digest.to_string(), lane.waiting())
    };
    let live = outlook.as_ref().map(|outlook| outlook.view.clone());
    let view = match live {
        Some(view) => Some(view),
        None => store.rollout_view(project).await?,
    };
    let content = Rollout {
        refusal,
        steps: outlook.iter().flat_map(offered).collect(),
        away,
        view,
        exposure: store.exposure(project).await?,
        problem: gateway.problem().map(|problem| problem.text),
        lanes: served.iter().flat_map(|served| served.lanes().map(lane)).collect(),
        counts: store.counts_since(project, clock::now() - DAY).await?,
        drafts: store.draft_counts(project).await?,
        requests: store.last_requests(project, None, LAST).await?.into_iter().map(request_row).collect(),
        thumbs: store.thumbs_since(project, clock::now() - DAY).await?.into_iter().collect(),
        feedback: store.last_words(project, REMARKS).await?.into_iter().map(feedback_row).collect(),
    };
    page(gateway, reader, "rollout.html.j2", content).await
}

/// The rollout, if it can be reached from here, or why not.
async fn look(gateway: &Gateway) -> (Option<Outlook>, Option<String>) {
    match &gateway.shared.steering {
        None => (None, None),
        Some(steering) => match steering.look().await {
            Ok(outlook) => (Some(outlook), None),
            Err(error) => (None, Some(error.to_string())),
        },
    }
}

fn request_row(row: empiric_schema::db::entity::request_log::Model) -> RequestRow {
    let last = |request: &serde_json::Value| {
        let content = request["messages"].as_array()?.last()?["content"].as_str()?;
        Some(content.to_owned())
    };
    RequestRow {
        at: row.timestamp,
        question: row.request.as_ref().and_then(last).unwrap_or_else(|| "(not kept)".to_owned()),
        answer: row.response,
        version: row.version,
        stage: row.stage,
        arm: row.arm,
        outcome: row.outcome,
        latency_ms: row.latency_ms,
    }
}

fn feedback_row(row: empiric_schema::db::entity::feedback::Model) -> FeedbackRow {
    FeedbackRow { at: row.at, by: row.by, thumb: row.thumb, correction: row.correction, note: row.note }
}

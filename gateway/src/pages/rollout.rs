//! `/rollout`: what is served to whom, how it does, and what readers say.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Html;
use empiric_schema::exposure::Exposure;
use serde::Serialize;

use super::{PageError, page};
use crate::clock::{self, DAY};
use crate::gateway::Gateway;
use crate::guard::Reader;
use crate::store::{DraftCounts, LogCounts};

/// Requests and remarks that are listed.
const LAST: u64 = 25;

#[derive(Serialize)]
struct Rollout {
    exposure: Option<Exposure>,
    problem: Option<String>,
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
    let (store, project) = (&gateway.shared.store, &gateway.shared.settings.project);
    let served = gateway.served();
    let lane = |lane: &std::sync::Arc<crate::serving::Lane>| {
        (lane.label.clone(), lane.digest.to_string(), lane.waiting())
    };
    let content = Rollout {
        exposure: store.exposure(project).await?,
        problem: gateway.problem().map(|problem| problem.text),
        lanes: served.iter().flat_map(|served| served.lanes().map(lane)).collect(),
        counts: store.counts_since(project, clock::now() - DAY).await?,
        drafts: store.draft_counts(project).await?,
        requests: store.last_requests(project, None, LAST).await?.into_iter().map(request_row).collect(),
        thumbs: store.thumbs_since(project, clock::now() - DAY).await?.into_iter().collect(),
        feedback: store.last_words(project, LAST).await?.into_iter().map(feedback_row).collect(),
    };
    page(&gateway, &reader, "rollout.html.j2", content).await
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

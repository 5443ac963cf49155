//! `/runs/{run}`: a run with its curve, failures, decisions and spend, live while it goes on.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse as _, Response};
use empiric_schema::decision::{Decision, StopReason};
use empiric_schema::diagnosis::DiagnosisRow;
use empiric_schema::view::{RunState, RunView};
use serde::Serialize;

use super::templates::count;
use super::{PageError, curve, page};
use crate::gateway::Gateway;
use crate::guard::Reader;

/// How often the read model is looked at.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct RunPage {
    view: RunView,
    state: &'static str,
    tone: &'static str,
    is_live: bool,
    stage: &'static str,
    ended: Option<String>,
    curve: Option<String>,
    failures: Vec<Failure>,
    decisions: Vec<(u32, u32, String, String)>,
    limits: Vec<(&'static str, String, Option<f64>)>,
    versions: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Failure {
    category: String,
    count: u32,
    share: f64,
}

/// Shows a run.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
    Path(run): Path<String>,
) -> Result<Html<String>, PageError> {
    let store = &gateway.shared.store;
    let view = store.run(&run).await?.ok_or(PageError::Missing("There is no such run."))?;
    let versions = store.run_versions(&run).await?;
    let (state, tone) = state(&view);
    let content = RunPage {
        state,
        tone,
        is_live: view.state != RunState::Finished,
        stage: view.stage.words(),
        ended: view.stop.as_ref().map(StopReason::sentence),
        curve: curve::curve(&view),
        failures: failures(&view),
        decisions: decisions(&view),
        limits: limits(&view),
        versions: versions.into_iter().map(|(label, digest, _)| (label, digest.hex().to_owned())).collect(),
        view,
    };
    page(&gateway, &reader, "run.html.j2", content).await
}

/// The state in words, and how it looks.
pub(super) fn state(view: &RunView) -> (&'static str, &'static str) {
    match (&view.state, &view.stop) {
        (RunState::Running, _) => ("running", "live"),
        (RunState::Paused, _) => ("paused", "open"),
        (RunState::Finished, Some(StopReason::Success)) => ("promise kept", "good"),
        (RunState::Finished, Some(StopReason::NeedsPerson { .. })) => ("needs a person", "open"),
        (RunState::Finished, Some(StopReason::Cancelled)) => ("cancelled", "open"),
        (RunState::Finished, _) => ("promise not shown", "bad"),
    }
}

/// What the last diagnosis found.
fn failures(view: &RunView) -> Vec<Failure> {
    let last = view.decisions.iter().rev().find_map(|record| match &record.decision {
        Decision::Diagnose { rows, .. } => Some(rows),
        _ => None,
    });
    last.into_iter().flatten().map(failure).collect()
}

fn failure(row: &DiagnosisRow) -> Failure {
    Failure { category: row.category.words().to_owned(), count: row.items, share: row.share }
}

fn decisions(view: &RunView) -> Vec<(u32, u32, String, String)> {
    let row = |record: &empiric_schema::decision::DecisionRecord| {
        let kind = serde_json::to_value(&record.decision).ok().and_then(|value| {
            value.get("kind").and_then(|kind| kind.as_str()).map(|kind| kind.replace('_', " "))
        });
        (record.sequence, record.iteration, kind.unwrap_or_default(), record.why.clone())
    };
    view.decisions.iter().rev().map(row).collect()
}

/// What was spent of each limit; the share where there is one.
fn limits(view: &RunView) -> Vec<(&'static str, String, Option<f64>)> {
    let (spend, limits) = (&view.spend, &view.limits);
    let share = |used: f64, limit: Option<f64>| limit.filter(|limit| *limit > 0.0).map(|limit| used / limit);
    vec![
        (
            "Device time",
            crate::clock::span(spend.device_seconds),
            share(spend.device_seconds, limits.device_seconds),
        ),
        (
            "Tokens",
            count(i64::try_from(spend.tokens).unwrap_or(i64::MAX)),
            share(spend.tokens as f64, limits.tokens.map(|tokens| tokens as f64)),
        ),
        ("Dollars", format!("{:.2}", spend.usd), share(spend.usd, limits.usd)),
        (
            "Time",
            crate::clock::span(view.updated - view.started),
            share(view.updated - view.started, limits.wall_clock_seconds),
        ),
    ]
}

/// Says each time that the run's view was written anew; the page then asks for itself again.
pub(super) async fn events(
    State(gateway): State<Gateway>,
    _: Reader,
    Path(run): Path<String>,
) -> Result<Response, PageError> {
    let first = gateway.shared.store.run_updated(&run).await?;
    let first = first.ok_or(PageError::Missing("There is no such run."))?;
    let events = futures::stream::unfold((gateway, run, first), |(gateway, run, seen)| async move {
        let updated = changed(&gateway, &run, seen).await?;
        let event = Event::default().event("changed").data(format!("{updated:.3}"));
        Some((Ok::<_, Infallible>(event), (gateway, run, updated)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// Waits until the view is newer than the one seen; nothing when it cannot be read any more.
async fn changed(gateway: &Gateway, run: &str, seen: f64) -> Option<f64> {
    loop {
        tokio::time::sleep(LOOK).await;
        let updated = gateway.shared.store.run_updated(run).await.ok().flatten()?;
        if updated > seen {
            return Some(updated);
        }
    }
}

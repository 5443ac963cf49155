//! `/`: what is served, what waits, what ran.

use axum::extract::State;
use axum::response::Html;
use empiric_schema::view::RunView;
use serde::Serialize;

use super::{PageError, page};
use crate::gateway::Gateway;
use crate::guard::Reader;
use crate::store::DraftCounts;

/// Runs that are listed.
const RUNS: u64 = 50;

#[derive(Serialize)]
struct Home {
    runs: Vec<RunRow>,
    drafts: DraftCounts,
    exposure: Option<empiric_schema::exposure::Exposure>,
}

#[derive(Serialize)]
struct RunRow {
    id: String,
    project: String,
    state: &'static str,
    tone: &'static str,
    stage: &'static str,
    activity: String,
    started: f64,
    /// The last measured share on dev, with its interval.
    accuracy: Option<(f64, f64, f64)>,
    asks: usize,
}

/// Shows the overview.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
) -> Result<Html<String>, PageError> {
    let shared = &gateway.shared;
    let project = &shared.settings.project;
    let home = Home {
        runs: shared.store.runs(RUNS).await?.iter().map(run_row).collect(),
        drafts: shared.store.draft_counts(project).await?,
        exposure: shared.store.exposure(project).await?,
    };
    page(&gateway, &reader, "home.html.j2", home).await
}

fn run_row(view: &RunView) -> RunRow {
    let (state, tone) = super::run::state(view);
    let last = view.measurements.iter().rfind(|measured| measured.split == "dev");
    RunRow {
        id: view.run.to_string(),
        project: view.project.clone(),
        state,
        tone,
        stage: view.stage.words(),
        activity: view.activity.clone(),
        started: view.started,
        accuracy: last.map(|m| (m.accuracy(), m.interval.low, m.interval.high)),
        asks: view.open_questions().count(),
    }
}

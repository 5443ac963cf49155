//! What each technique was worth for what it cost.

use std::cmp::Ordering;

use empiric_schema::decision::Decision;
use empiric_schema::evidence::Verdict;
use empiric_schema::view::{IterationView, Measurement, RunView};
use serde::Serialize;

use super::words;

/// One iteration's technique, the best value first.
#[derive(Debug, Serialize)]
pub(super) struct WorthRow {
    iteration: u32,
    technique: String,
    gain: String,
    device: String,
    per_minute: String,
    per_dollar: String,
    verdict: &'static str,
    #[serde(skip)]
    value: f64,
}

/// Gains are those of the finalist over the incumbent on items that did not choose it.
pub(super) fn rows(view: &RunView) -> Vec<WorthRow> {
    let mut rows: Vec<WorthRow> =
        view.iterations.iter().filter_map(|iteration| row(view, iteration)).collect();
    rows.sort_by(|a, b| b.value.partial_cmp(&a.value).unwrap_or(Ordering::Equal));
    rows
}

fn row(view: &RunView, iteration: &IterationView) -> Option<WorthRow> {
    let confirmed: Vec<&Measurement> = view
        .measurements
        .iter()
        .filter(|point| point.iteration == iteration.number && point.split == "dev-confirm")
        .collect();
    let incumbent = confirmed.iter().find(|point| point.label == "incumbent")?;
    let finalist = confirmed.iter().find(|point| point.label != "incumbent")?;
    let gain = finalist.accuracy() - incumbent.accuracy();
    let minutes = iteration.spend.device_seconds / 60.0;
    let per = |amount: f64| (amount > 0.0).then(|| gain / amount);
    Some(WorthRow {
        iteration: iteration.number,
        technique: iteration.technique.replace('_', " "),
        gain: words::points(gain),
        device: words::duration(iteration.spend.device_seconds),
        per_minute: per(minutes).map_or_else(none, words::points),
        per_dollar: per(iteration.spend.usd).map_or_else(none, words::points),
        verdict: verdict(view, iteration.number),
        value: per(minutes).unwrap_or(gain),
    })
}

fn none() -> String {
    "\u{2013}".to_owned()
}

fn verdict(view: &RunView, iteration: u32) -> &'static str {
    let mut decisions = view.decisions.iter().filter(|record| record.iteration == iteration);
    decisions
        .find_map(|record| match &record.decision {
            Decision::Promote { evidence, .. } => Some(match evidence.verdict {
                Verdict::Pass => "kept",
                Verdict::Fail | Verdict::Inconclusive => "not kept",
            }),
            _ => None,
        })
        .unwrap_or("no verdict")
}

/// Device time that was spent up to the first verdict, in words.
pub(super) fn first_verdict(view: &RunView) -> Option<String> {
    let first = view.decisions.iter().find(|record| matches!(record.decision, Decision::Promote { .. }))?;
    Some(words::duration(first.spend.device_seconds))
}

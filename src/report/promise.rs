//! The promise and what the locked test said of each criterion.

use empiric_schema::decision::Decision;
use empiric_schema::evidence::{CriterionEvidence, Threshold, Verdict};
use empiric_schema::view::RunView;
use serde::Serialize;

use super::words;

/// The last look at the locked test split.
pub(super) struct Gate<'a> {
    /// Which look this was.
    pub look: u32,
    /// Looks allowed.
    pub looks: u32,
    /// The criteria.
    pub criteria: &'a [CriterionEvidence],
    /// Whether the look's numbers may be shown.
    pub shown: bool,
}

/// The last gate of a run.
pub(super) fn last_gate(view: &RunView) -> Option<Gate<'_>> {
    view.decisions.iter().rev().find_map(|record| match &record.decision {
        Decision::Gate { look, looks, criteria, shown, .. } => {
            Some(Gate { look: *look, looks: *looks, criteria, shown: !shown.is_empty() })
        }
        _ => None,
    })
}

/// A row of the promise's table.
#[derive(Debug, Serialize)]
pub(super) struct PromiseRow {
    /// The criterion.
    pub criterion: String,
    /// `23 of 100 (23 %)`, or a dash.
    pub measured: String,
    /// Exact bounds with their level.
    pub interval: String,
    /// `kept`, `not kept`, `not shown` or `not tested`.
    pub verdict: &'static str,
    /// CSS class of the verdict.
    pub tone: &'static str,
}

/// One row a criterion: from the last look, or from the promise alone.
pub(super) fn rows(view: &RunView) -> Vec<PromiseRow> {
    match last_gate(view) {
        Some(gate) => gate.criteria.iter().map(|c| tested(c, gate.shown)).collect(),
        None => view.promise.iter().map(|sentence| untested(sentence)).collect(),
    }
}

fn tested(evidence: &CriterionEvidence, shown: bool) -> PromiseRow {
    let (measured, interval) =
        if shown { figures(evidence) } else { ("withheld".to_owned(), "withheld".to_owned()) };
    PromiseRow {
        criterion: words::criterion(evidence),
        measured,
        interval,
        verdict: words::kept(evidence.verdict),
        tone: tone(evidence.verdict),
    }
}

fn figures(evidence: &CriterionEvidence) -> (String, String) {
    let (k, n) = (evidence.counts.successes(), evidence.counts.trials());
    let rate = evidence.counts.rate().map_or_else(|| "none".to_owned(), words::percent);
    let bounds = words::interval(evidence.bounds);
    let level = words::percent(evidence.bounds.level);
    (format!("{k} of {n} ({rate})"), format!("{bounds} (exact, {level})"))
}

fn untested(sentence: &str) -> PromiseRow {
    PromiseRow {
        criterion: sentence.to_owned(),
        measured: "\u{2013}".to_owned(),
        interval: "\u{2013}".to_owned(),
        verdict: "not tested",
        tone: "open",
    }
}

/// CSS class of a verdict.
pub(super) fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "good",
        Verdict::Fail => "bad",
        Verdict::Inconclusive => "open",
    }
}

/// The bar that accuracy must reach, where a look has said it.
pub(super) fn accuracy_bar(view: &RunView) -> Option<f64> {
    last_gate(view)?.criteria.iter().find_map(|c| match c.threshold {
        Threshold::AtLeast(bar) if c.metric == "accuracy" => Some(bar),
        _ => None,
    })
}

//! Races and paired comparisons as a page shows them.

use empiric_schema::decision::Decision;
use empiric_schema::evidence::Verdict;
use empiric_schema::view::{IterationView, Measurement, RunView};
use serde::Serialize;

use super::ReportError;
use super::data::ReportData;
use super::plot::{self, Duel, Race};
use super::words;

#[derive(Debug, Serialize)]
pub(super) struct RaceSection {
    number: u32,
    technique: String,
    note: String,
    plot: String,
    rows: Vec<RaceRow>,
}

#[derive(Debug, Serialize)]
struct RaceRow {
    label: String,
    change: String,
    passed: String,
    accuracy: String,
    interval: String,
    standing: &'static str,
    left: String,
}

#[derive(Debug, Serialize)]
pub(super) struct DuelRow {
    name: String,
    figures: String,
    p: String,
    verdict: &'static str,
}

pub(super) fn races(view: &RunView) -> Result<Vec<RaceSection>, ReportError> {
    let raced = view.iterations.iter().filter(|iteration| !iteration.candidates.is_empty());
    raced.map(|iteration| race(view, iteration)).collect()
}

fn race(view: &RunView, iteration: &IterationView) -> Result<RaceSection, ReportError> {
    let incumbent = incumbent_before(view, iteration.number);
    let note = incumbent.map_or_else(String::new, |score| {
        format!("The dashed line is the incumbent on all of dev: {}.", words::percent(score))
    });
    Ok(RaceSection {
        number: iteration.number,
        technique: iteration.technique.replace('_', " "),
        note,
        plot: plot::race(&Race {
            iteration: iteration.number,
            candidates: &iteration.candidates,
            incumbent,
        })?,
        rows: race_rows(view, iteration),
    })
}

fn race_rows(view: &RunView, iteration: &IterationView) -> Vec<RaceRow> {
    let rows = iteration.candidates.iter().map(|c| RaceRow {
        label: c.label.clone(),
        change: c.change.clone(),
        passed: format!("{} of {}", c.passed, c.n),
        accuracy: if c.n == 0 {
            "\u{2013}".to_owned()
        } else {
            words::percent(f64::from(c.passed) / f64::from(c.n))
        },
        interval: words::interval(c.interval),
        standing: words::standing(c.standing),
        left: left_after(view, iteration.number, &c.label),
    });
    rows.collect()
}

/// The round after which a candidate left.
fn left_after(view: &RunView, iteration: u32, label: &str) -> String {
    let round = view.decisions.iter().filter(|r| r.iteration == iteration).find_map(|r| match &r.decision {
        Decision::Halve { round, dropped, .. } if dropped.iter().any(|d| d == label) => Some(*round),
        _ => None,
    });
    round.map_or_else(|| "\u{2013}".to_owned(), |round| format!("round {round}"))
}

/// The last dev score from before an iteration.
fn incumbent_before(view: &RunView, iteration: u32) -> Option<f64> {
    let before = view.measurements.iter().rfind(|m| m.split == "dev" && m.iteration < iteration);
    before.map(Measurement::accuracy)
}

pub(super) fn duels(data: &ReportData) -> Vec<(Duel, DuelRow)> {
    let mut out = Vec::new();
    for record in &data.view.decisions {
        let (name, evidence) = match &record.decision {
            Decision::Promote { label, incumbent, evidence, .. } => {
                (format!("{label} against {}", data.label(incumbent)), evidence)
            }
            Decision::Gate { candidate, paired: Some(evidence), shown, .. } if !shown.is_empty() => {
                (format!("{} against the first version, locked test", data.label(candidate)), evidence)
            }
            _ => continue,
        };
        let row = DuelRow {
            name: name.clone(),
            figures: words::paired(evidence),
            p: words::p_value(evidence.p_better),
            verdict: better(evidence.verdict),
        };
        out.push((Duel { name, counts: evidence.counts }, row));
    }
    out
}

fn better(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "shown to be better",
        Verdict::Fail => "shown not to be better",
        Verdict::Inconclusive => "nothing shown",
    }
}

pub(super) fn paired(duels: &[(Duel, DuelRow)]) -> Result<Option<String>, ReportError> {
    if duels.is_empty() {
        return Ok(None);
    }
    let plain: Vec<_> = duels.iter().map(|(d, _)| Duel { name: d.name.clone(), counts: d.counts }).collect();
    plot::paired(&plain).map(Some)
}

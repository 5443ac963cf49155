//! Why versions failed: a table for each diagnosis, and how the categories change.

use empiric_schema::decision::Decision;
use empiric_schema::diagnosis::{Category, DiagnosisRow, ProbeCount};
use empiric_schema::view::RunView;
use serde::Serialize;

use super::data::label_in;
use super::plot::{self, Stack};
use super::{ReportError, words};

/// All diagnoses of a run.
#[derive(Debug, Serialize)]
pub(super) struct FailureSection {
    /// Stacked bars, one a diagnosis.
    plot: String,
    diagnoses: Vec<DiagnosisTable>,
}

#[derive(Debug, Serialize)]
struct DiagnosisTable {
    version: String,
    sentence: String,
    rows: Vec<FailureRow>,
    probes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FailureRow {
    category: &'static str,
    items: u32,
    share: String,
    repair_rate: String,
    examples: String,
}

/// `None` where nothing was diagnosed.
pub(super) fn failures(view: &RunView) -> Result<Option<FailureSection>, ReportError> {
    let mut diagnoses = Vec::new();
    let mut stacks = Vec::new();
    for record in &view.decisions {
        let Decision::Diagnose { version, failures, probed, rows, probes, .. } = &record.decision else {
            continue;
        };
        let label = label_in(view, version);
        stacks.push(stack(&label, rows));
        diagnoses.push(DiagnosisTable {
            sentence: sentence(*failures, *probed, rows),
            version: label,
            rows: rows.iter().map(row).collect(),
            probes: probes.iter().map(probe).collect(),
        });
    }
    if diagnoses.is_empty() {
        return Ok(None);
    }
    Ok(Some(FailureSection { plot: plot::failures(&stacks)?, diagnoses }))
}

/// How many failed, were probed, and what most were put down to.
pub(crate) fn sentence(failures: u32, probed: u32, rows: &[DiagnosisRow]) -> String {
    let largest: Vec<String> = rows
        .iter()
        .take(3)
        .map(|row| format!("{} {} ({})", row.items, row.category.words(), words::percent(row.share)))
        .collect();
    let of = if probed < failures {
        format!("{probed} of {failures} failures probed")
    } else {
        format!("{failures} failures probed")
    };
    if largest.is_empty() { format!("{of}.") } else { format!("{of}: {}.", largest.join(", ")) }
}

fn row(row: &DiagnosisRow) -> FailureRow {
    let lines: Vec<String> = row.examples.iter().map(|position| (position + 1).to_string()).collect();
    FailureRow {
        category: row.category.words(),
        items: row.items,
        share: words::percent(row.share),
        repair_rate: words::percent(row.repair_rate),
        examples: lines.join(", "),
    }
}

fn probe(count: &ProbeCount) -> String {
    format!("{}: repaired {} of {}", count.probe.words(), count.repaired, count.tried)
}

fn stack(label: &str, rows: &[DiagnosisRow]) -> Stack {
    let parts = Category::ALL.into_iter().filter_map(|category| {
        let row = rows.iter().find(|row| row.category == category)?;
        Some((category.words(), row.share))
    });
    Stack { label: label.to_owned(), parts: parts.collect() }
}

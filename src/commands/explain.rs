//! `empiric explain`: the story of a run's decisions, in the order in which they were made.

use std::process::ExitCode;

use empiric_schema::decision::{Decision, DecisionRecord};
use empiric_schema::diagnosis::DiagnosisRow;
use empiric_schema::evidence::Verdict;
use empiric_schema::guard::{Guard, GuardEvidence};
use empiric_schema::view::RunView;

use super::status::find_run;
use crate::cli::{Global, OutputFormat, RunRef};
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::report::words;

pub(super) async fn execute(args: &RunRef, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let view = find_run(args, place).await?;
    match global.output {
        OutputFormat::Json => output::json(&view.decisions),
        OutputFormat::Text => output::data(&story(&view)),
    }
    Ok(ExitCode::SUCCESS)
}

fn story(view: &RunView) -> String {
    let mut lines = vec![format!("{}: {}", view.run, view.description)];
    lines.extend(view.promise.iter().map(|promise| format!("promise: {promise}")));
    for record in &view.decisions {
        lines.push(String::new());
        lines.extend(told(record, view));
    }
    lines.join("\n")
}

fn guard_row(guard: &GuardEvidence) -> String {
    let is_share = matches!(guard.guard, Guard::HarmRate | Guard::AbstentionRate);
    let figure = |value: Option<f64>| match value {
        None => "not measured".to_owned(),
        Some(value) if is_share => words::percent(value),
        Some(value) => format!("{value:.3}"),
    };
    let worst = guard.bound.map_or_else(String::new, |bound| match is_share {
        true => format!(", a rise of at most {:.1} points", bound * 100.0),
        false => format!(", {bound:.2} times the incumbent's"),
    });
    let margin = guard.margin.map_or_else(String::new, |margin| format!("; margin {margin}"));
    let verdict = match guard.verdict {
        Verdict::Pass => "held",
        Verdict::Fail => "broken",
        Verdict::Inconclusive => "not shown to hold",
    };
    let (name, old, new) = (guard.guard.words(), figure(guard.incumbent), figure(guard.finalist));
    format!("    guard of {name}: {old} to {new}{worst}{margin}: {verdict}")
}

fn told(record: &DecisionRecord, view: &RunView) -> Vec<String> {
    let place = match record.iteration {
        0 => "before the first iteration".to_owned(),
        number => format!("iteration {number}"),
    };
    let spent = words::duration(record.spend.device_seconds);
    let mut lines = vec![
        format!("{:>2}. {}", record.sequence, words::sentence(record, view)),
        format!("    because {}", record.why),
    ];
    if let Decision::Diagnose { rows, .. } = &record.decision {
        lines.extend(rows.iter().map(table_row));
    }
    if let Decision::Promote { guards, .. } = &record.decision {
        lines.extend(guards.iter().map(guard_row));
    }
    if let Decision::Improve { priorities, .. } = &record.decision {
        lines.extend(priorities.iter().map(|one| {
            format!(
                "    {:<10} priority {:.3} = reach {:.2} x acceptance {:.2} / cost {:.1} (mostly {})",
                one.technique,
                one.priority,
                one.reach,
                one.acceptance,
                one.cost,
                one.category.words()
            )
        }));
    }
    lines.push(format!("    ({place}; {spent} of device time spent so far)"));
    lines
}

fn table_row(row: &DiagnosisRow) -> String {
    format!(
        "    {:<26} {:>3}  {:>6}  repaired by its probe {}",
        row.category.words(),
        row.items,
        words::percent(row.share),
        words::percent(row.repair_rate)
    )
}

//! The rows that a record becomes. Pure.

use empiric_schema::budget::Spend;
use empiric_schema::contract::{JobRow, Record};
use empiric_schema::db::entity::{
    decision, evaluation, item_result, iteration, job, project, run, spend, version,
};
use empiric_schema::decision::DecisionRecord;
use empiric_schema::id::RunId;
use empiric_schema::job::ItemResult;
use empiric_schema::version::SystemVersion;
use empiric_schema::view::{Measurement, RunView};
use serde::Serialize;
use serde_json::{Value, json};

use super::RecordError;

/// Rows of one table each.
#[derive(Debug)]
pub(super) enum Rows {
    Run(project::Model, Box<run::Model>),
    Iteration(iteration::Model),
    Version(version::Model),
    Job(job::Model),
    Evaluation(evaluation::Model, Vec<item_result::Model>),
    Decision(decision::Model),
    Spend(spend::Model),
    /// What another row has already.
    Nothing,
}

/// The rows of a record; `answers` are the contents of its result files.
pub(super) fn of(run: &RunId, record: &Record, answers: &[ItemResult]) -> Result<Rows, RecordError> {
    Ok(match record {
        Record::Run(view) => Rows::Run(project_row(view), Box::new(run_row(view)?)),
        Record::Iteration { number, technique, verdict } => Rows::Iteration(iteration::Model {
            run_id: run.to_string(),
            number: signed(*number),
            technique: technique.clone(),
            verdict: verdict.as_ref().map(wire_name).transpose()?,
        }),
        Record::Version { version, label } => Rows::Version(version_row(run, version, label)?),
        Record::Job(row) => Rows::Job(job_row(run, row)),
        Record::Evaluation { measurement, .. } => Rows::Evaluation(
            evaluation_row(run, measurement),
            answers.iter().map(|answer| answer_row(run, measurement, answer)).collect(),
        ),
        Record::Decision(record) => Rows::Decision(decision_row(run, record)?),
        Record::Question(_) => Rows::Nothing,
        Record::Spend(amount) => Rows::Spend(spend_row(run, *amount)),
    })
}

fn project_row(view: &RunView) -> project::Model {
    project::Model {
        name: view.project.clone(),
        description: view.description.clone(),
        updated: view.updated,
    }
}

fn run_row(view: &RunView) -> Result<run::Model, RecordError> {
    Ok(run::Model {
        id: view.run.to_string(),
        project: view.project.clone(),
        stage: wire_name(&view.stage)?,
        state: wire_name(&view.state)?,
        started: view.started,
        updated: view.updated,
        view: serde_json::to_value(view)?,
    })
}

fn version_row(run: &RunId, version: &SystemVersion, label: &str) -> Result<version::Model, RecordError> {
    Ok(version::Model {
        run_id: run.to_string(),
        digest: version.digest().to_string(),
        label: label.to_owned(),
        content: serde_json::to_value(version)?,
    })
}

fn job_row(run: &RunId, row: &JobRow) -> job::Model {
    job::Model {
        run_id: run.to_string(),
        key: row.key.to_string(),
        label: row.label.clone(),
        kind: row.kind.clone(),
        prompt_tokens: signed_long(row.usage.prompt_tokens),
        completion_tokens: signed_long(row.usage.completion_tokens),
        seconds: row.usage.seconds,
        peak_memory: signed_long(row.usage.peak_memory),
        reused: row.reused,
    }
}

fn evaluation_row(run: &RunId, measurement: &Measurement) -> evaluation::Model {
    evaluation::Model {
        run_id: run.to_string(),
        iteration: signed(measurement.iteration),
        split: measurement.split.clone(),
        version: measurement.version.to_string(),
        label: measurement.label.clone(),
        n: signed(measurement.n),
        passed: signed(measurement.passed),
        harmful: signed(measurement.harmful),
        low: measurement.interval.low,
        high: measurement.interval.high,
    }
}

fn answer_row(run: &RunId, of: &Measurement, answer: &ItemResult) -> item_result::Model {
    item_result::Model {
        run_id: run.to_string(),
        split: of.split.clone(),
        version: of.version.to_string(),
        item: answer.id.to_string(),
        position: signed(answer.position),
        answer: answer.answer.clone(),
        passed: answer.passed,
        harmful: answer.harmful,
        reason: answer.reason.clone(),
        prompt_tokens: signed(answer.prompt_tokens),
        completion_tokens: signed(answer.completion_tokens),
        passages: (!answer.passages.is_empty()).then(|| json!(answer.passages)),
    }
}

fn decision_row(run: &RunId, record: &DecisionRecord) -> Result<decision::Model, RecordError> {
    let kind = serde_json::to_value(&record.decision)?;
    Ok(decision::Model {
        run_id: run.to_string(),
        sequence: signed(record.sequence),
        iteration: signed(record.iteration),
        kind: kind.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned(),
        why: record.why.clone(),
        record: serde_json::to_value(record)?,
    })
}

fn spend_row(run: &RunId, amount: Spend) -> spend::Model {
    spend::Model {
        run_id: run.to_string(),
        device_seconds: amount.device_seconds,
        tokens: signed_long(amount.tokens),
        usd: amount.usd,
    }
}

/// The text that an enumeration without fields has on the wire.
fn wire_name<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    Ok(match serde_json::to_value(value)? {
        Value::String(name) => name,
        other => other.to_string(),
    })
}

/// SQL has no unsigned numbers. No count here comes near the limit; one that did would be shown at it.
fn signed(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn signed_long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

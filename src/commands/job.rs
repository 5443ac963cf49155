//! `empiric job run FOLDER`: one job under the file contract; `empiric job serve`: one after another.

use std::path::Path;
use std::process::ExitCode;

use empiric_jobs::telemetry_names as names;
use empiric_schema::job::{EXIT_FILE, Exit, ExitClass, JOB_FILE, JobFile};
use opentelemetry::{KeyValue, global};

use crate::error::CliError;
use crate::output;
use crate::telemetry::{self, Telemetry};

pub(super) async fn execute(folder: &Path) -> Result<ExitCode, CliError> {
    let job = folder.to_owned();
    let span = tracing::Span::current();
    let ended = tokio::task::spawn_blocking(move || span.in_scope(|| empiric_jobs::runner::run(&job))).await;
    let class = ended.map_err(|error| CliError::Worker(error.to_string()))?;
    if let Some(exit) = measure(folder).filter(|_| class != ExitClass::Success) {
        output::talk(&format!("{}: {}", exit.class.name(), exit.message));
    }
    Ok(exit_code(class))
}

/// Each job has a root span of its own under the trace that came with it, and its telemetry is sent before
/// its end is told: nobody waits for this process when it ends.
pub(super) async fn serve(telemetry: &Telemetry) -> Result<ExitCode, CliError> {
    let telemetry = telemetry.clone();
    let ended = tokio::task::spawn_blocking(move || {
        empiric_jobs::runner::serve(|request, job| {
            let parent = telemetry::context(|variable| request.trace.get(variable).cloned());
            super::root("job", parent).in_scope(job);
            measure(&request.folder);
            telemetry.flush();
        })
    });
    ended.await.map(exit_code).map_err(|error| CliError::Worker(error.to_string()))
}

fn exit_code(class: ExitClass) -> ExitCode {
    ExitCode::from(u8::try_from(class.code()).unwrap_or(70))
}

/// Who answered.
fn provider(folder: &Path) -> &'static str {
    let written = std::fs::read(folder.join(JOB_FILE)).ok();
    let job = written.and_then(|bytes| serde_json::from_slice::<JobFile>(&bytes).ok());
    match job.is_some_and(|job| job.spec.endpoint().is_some()) {
        true => names::PROVIDER_ENDPOINT,
        false => names::PROVIDER,
    }
}

/// Metrics of the job from what it wrote itself; without an exporter they go nowhere.
fn measure(folder: &Path) -> Option<Exit> {
    let written = std::fs::read(folder.join(EXIT_FILE)).ok()?;
    let exit: Exit = serde_json::from_slice(&written).ok()?;
    let meter = global::meter("empiric");
    let class = KeyValue::new(names::EMPIRIC_EXIT_CLASS, exit.class.name());
    meter.u64_counter(names::EMPIRIC_JOBS).build().add(1, &[class]);
    let operation = KeyValue::new(names::GEN_AI_OPERATION_NAME, names::SPAN_CHAT);
    let provider = KeyValue::new(names::GEN_AI_PROVIDER_NAME, provider(folder));
    let tokens = meter.u64_histogram(names::GEN_AI_TOKEN_USAGE).with_unit("{token}").build();
    for (kind, count) in [("input", exit.usage.prompt_tokens), ("output", exit.usage.completion_tokens)] {
        let kind = KeyValue::new(names::GEN_AI_TOKEN_TYPE, kind);
        tokens.record(count, &[operation.clone(), provider.clone(), kind]);
    }
    let duration = meter.f64_histogram(names::GEN_AI_OPERATION_DURATION).with_unit("s").build();
    duration.record(exit.usage.seconds, &[operation, provider]);
    Some(exit)
}

//! Asking for jobs and for records: the few lines that every shell shares.

use empiric_schema::budget::{Resource, Spend};
use empiric_schema::contract::{
    JobOutcome, JobRequest, JobRow, Jobs, Record, RecordBatch, Recorder, RunOptions,
};
use empiric_schema::evidence::Interval;
use empiric_schema::id::RunId;
use empiric_schema::job::ExitClass;
use empiric_schema::view::Measurement;
use temporalio_common::error::{ActivityExecutionError, IncomingError};
use temporalio_workflow::{WorkflowCancellationToken, WorkflowContext, WorkflowTermination};

use crate::options;
use crate::race::{count, display_interval};

/// Why work came to no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Cancelled by a person, by the worker's parent or by the clock.
    Cancelled,
    /// A limit of the budget.
    Budget(Resource),
    /// A failure that only a person can mend.
    Problem(String),
}

/// Runs one job and waits for its end, which may be that its share of the budget was used up.
pub(crate) async fn run_job<W>(
    ctx: &WorkflowContext<W>,
    request: JobRequest,
    options: &RunOptions,
    token: WorkflowCancellationToken,
) -> Result<JobOutcome, Halt> {
    refuse_large(&request)?;
    let options = options::job(options, &request.label, token);
    ctx.execute_activity(Jobs::run, request, options).await.map_err(|error| halt(&error))
}

/// Whether a job, which is to be paid for in any case, came to its result within its share.
pub(crate) fn is_complete(outcome: &JobOutcome, share: Spend) -> Result<(), Halt> {
    match outcome.class {
        ExitClass::Success => Ok(()),
        _ => Err(Halt::Budget(exceeded(outcome, share))),
    }
}

/// Most bytes of a request: far under Temporal's 2 MB, so that a history of hundreds stays small.
const LARGEST_REQUEST: usize = 128 << 10;

/// Refuses, by name, what Temporal would refuse later without one.
fn refuse_large(request: &JobRequest) -> Result<(), Halt> {
    let bytes = serde_json::to_vec(request).map_or(usize::MAX, |bytes| bytes.len());
    if bytes <= LARGEST_REQUEST {
        return Ok(());
    }
    Err(Halt::Problem(format!(
        "the job \"{}\" has a request of {bytes} bytes, and {LARGEST_REQUEST} is the most: use fewer items or a shorter prompt",
        request.label
    )))
}

/// A job that ran out of its share says so without saying of what. Zero in a share is no limit.
fn exceeded(outcome: &JobOutcome, share: Spend) -> Resource {
    let tokens = outcome.usage.prompt_tokens + outcome.usage.completion_tokens;
    if share.usd > 0.0 && outcome.usage.dollars >= share.usd {
        return Resource::Usd;
    }
    let is_without_time = share.device_seconds <= 0.0;
    if share.tokens > 0 && (is_without_time || tokens >= share.tokens) {
        Resource::Tokens
    } else {
        Resource::DeviceSeconds
    }
}

/// What an activity's failure means for the run.
pub(crate) fn halt(error: &ActivityExecutionError) -> Halt {
    match error {
        ActivityExecutionError::Cancelled(_) => Halt::Cancelled,
        other => Halt::Problem(message(other)),
    }
}

/// The innermost message, which was written for people.
fn message(error: &ActivityExecutionError) -> String {
    match error.cause() {
        Some(IncomingError::Application(failure)) => failure.source_error().to_string(),
        Some(cause) => cause.failure().message.clone(),
        None => error.to_string(),
    }
}

/// Writes rows of the read model, whatever happened to the work.
pub(crate) async fn record<W>(
    ctx: &WorkflowContext<W>,
    run: &RunId,
    records: Vec<Record>,
) -> Result<(), WorkflowTermination> {
    let batch = RecordBatch { run: run.clone(), records };
    ctx.execute_local_activity(Recorder::write, batch, options::record()).await?;
    Ok(())
}

/// What a finished job cost. A reused one costs nothing.
pub(crate) fn spent(outcome: &JobOutcome) -> Spend {
    if outcome.reused {
        return Spend::default();
    }
    Spend {
        device_seconds: (outcome.ran.1 - outcome.ran.0).max(0.0),
        tokens: outcome.usage.prompt_tokens + outcome.usage.completion_tokens,
        usd: outcome.usage.dollars,
    }
}

/// A finished job for the read model.
pub(crate) fn job_row(label: &str, kind: &str, outcome: &JobOutcome) -> Record {
    Record::Job(JobRow {
        key: outcome.key.clone(),
        label: label.to_owned(),
        kind: kind.to_owned(),
        usage: outcome.usage,
        reused: outcome.reused,
    })
}

/// Seconds in which at least one of these jobs ran: the length of the union of their intervals.
pub(crate) fn busy_seconds<'a>(outcomes: impl Iterator<Item = &'a JobOutcome>) -> f64 {
    let mut ran: Vec<(f64, f64)> =
        outcomes.filter(|outcome| !outcome.reused).map(|outcome| outcome.ran).collect();
    ran.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut busy, mut end) = (0.0, f64::NEG_INFINITY);
    for (from, to) in ran {
        busy += (to - from.max(end)).max(0.0);
        end = end.max(to);
    }
    busy
}

/// A point of the curve.
pub(crate) struct Point<'a> {
    pub(crate) iteration: u32,
    pub(crate) split: &'a str,
    pub(crate) label: &'a str,
    pub(crate) version: empiric_schema::artifact::Digest,
}

/// A point of the curve with its counts.
pub(crate) fn measurement(point: Point<'_>, grades: &crate::gate::Grades) -> Measurement {
    let (n, passed) = (grades.n(), count(&grades.passed));
    let interval: Interval = display_interval(passed, n);
    Measurement {
        iteration: point.iteration,
        split: point.split.to_owned(),
        version: point.version,
        label: point.label.to_owned(),
        n,
        passed,
        harmful: count(&grades.harmful),
        interval,
    }
}

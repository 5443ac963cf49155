//! The activity that runs a job: heartbeats, cancellation, and failures by class.

use std::sync::Arc;
use std::time::Duration;

use empiric_schema::contract::{JobOutcome, JobRequest};
use empiric_schema::job::Progress;
use empiric_schema::telemetry_names as names;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::sync::watch;
use tracing::Instrument as _;

use super::drain::Drain;
use super::error::{DispatchError, Stop};
use super::local::LocalDispatcher;
use crate::failure;

/// How often the server hears from a job, with progress or without.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Activities of a job worker.
#[derive(Debug, Clone)]
pub struct JobActivities {
    /// Who runs jobs.
    pub dispatcher: LocalDispatcher,
    /// Raised when the worker leaves.
    pub drain: Drain,
}

#[activities]
impl JobActivities {
    /// Runs a job to its end, or answers from its record.
    #[activity(definition = empiric_schema::contract::RunJob)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn run(
        self: Arc<Self>,
        context: ActivityContext,
        request: JobRequest,
    ) -> Result<JobOutcome, ActivityError> {
        let span = tracing::info_span!(
            names::SPAN_JOB,
            { names::JOB_KIND } = request.job.kind.name(),
            { names::JOB_LABEL } = request.label,
            { names::RUN } = %request.run,
            { names::ATTEMPT } = context.info().attempt,
        );
        self.run_watched(&context, &request).instrument(span).await
    }
}

impl JobActivities {
    async fn run_watched(
        &self,
        context: &ActivityContext,
        request: &JobRequest,
    ) -> Result<JobOutcome, ActivityError> {
        let (progress, seen) = watch::channel(Progress::default());
        let stop = stop_asked(context, &self.drain);
        let ended = tokio::select! {
            ended = self.dispatcher.run(request, stop, &progress) => ended,
            never = heartbeats(context, seen) => match never {},
        };
        match ended {
            Ok(outcome) => Ok(outcome),
            Err(error) => Err(self.failed(context, request, error).await),
        }
    }

    async fn failed(
        &self,
        context: &ActivityContext,
        request: &JobRequest,
        error: DispatchError,
    ) -> ActivityError {
        let DispatchError::Failed(job_failure) = &error else {
            return failure::of_dispatch(error, 1);
        };
        let info = context.info();
        let run = info.workflow_run_id.as_deref().unwrap_or_default();
        let id = format!("{run}/{}", info.activity_id);
        let tries = self.dispatcher.note_failure(request, &id, job_failure.class).await;
        tracing::warn!(class = job_failure.class.name(), tries, error = %error, "a job failed");
        failure::of_dispatch(error, tries)
    }
}

/// Ready when the job must stop. The SDK does not say why; the drain flag does.
async fn stop_asked(context: &ActivityContext, drain: &Drain) -> Stop {
    tokio::select! {
        biased;
        () = drain.started() => Stop::Draining,
        () = context.cancelled() => match drain.is_started() {
            true => Stop::Draining,
            false => Stop::Cancelled,
        },
    }
}

/// Tells the server the latest progress for ever: a job that is silent is the watchdog's matter.
async fn heartbeats(context: &ActivityContext, seen: watch::Receiver<Progress>) -> std::convert::Infallible {
    loop {
        let latest = seen.borrow().clone();
        if let Err(error) = context.record_heartbeat(latest).await {
            tracing::warn!(%error, "could not send a heartbeat");
        }
        tokio::time::sleep(HEARTBEAT).await;
    }
}

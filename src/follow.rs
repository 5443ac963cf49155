//! Following a run: asking its workflow again and again until it ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use empiric_schema::id::RunId;
use empiric_schema::job::Progress;
use empiric_schema::view::{IterationView, RunState, RunView};
use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::errors::WorkflowInteractionError;
use temporalio_client::{
    Client, UntypedWorkflow, WorkflowDescribeOptions, WorkflowExecutionStatus, WorkflowHandle,
    WorkflowQueryOptions,
};
use temporalio_common::protos::temporal::api::workflow::v1::PendingActivityInfo;

use crate::error::CliError;
use crate::live::{Follow, RunningJob, Snapshot};
use crate::temporal::words;

/// How often the run is asked.
const LOOK: Duration = Duration::from_millis(700);
/// How often a run is asked that waits for a person, who is slower.
const LOOK_FOR_AN_ANSWER: Duration = Duration::from_secs(3);
/// How long a server may be away before the follower gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How following ended.
#[derive(Debug)]
pub enum Followed {
    /// The run ended; this is its last view.
    Ended(Box<RunView>),
    /// A person pressed Ctrl-C; the run goes on when it is followed by a worker again.
    Interrupted,
}

/// Follows a run to its end, or until Ctrl-C.
pub async fn follow(client: &Client, run: &RunId, shown: &mut dyn Follow) -> Result<Followed, CliError> {
    let watch = Watch { client, run };
    let mut last = None;
    let mut silent_since = None;
    loop {
        tokio::select! {
            biased;
            () = interrupted() => {
                finish(shown, last.as_ref());
                return Ok(Followed::Interrupted);
            }
            looked = watch.look() => match looked {
                Ok(Some(snapshot)) => {
                    silent_since = None;
                    if snapshot.view.state == RunState::Finished {
                        finish(shown, Some(&snapshot));
                        return Ok(Followed::Ended(Box::new(snapshot.view)));
                    }
                    // A closed terminal does not end the run.
                    let _ = shown.update(&snapshot);
                    last = Some(snapshot);
                }
                Ok(None) => {}
                Err(error) => {
                    let since = *silent_since.get_or_insert_with(std::time::Instant::now);
                    if since.elapsed() > PATIENCE {
                        finish(shown, last.as_ref());
                        return Err(error);
                    }
                }
            },
        }
        tokio::select! {
            () = interrupted() => {
                finish(shown, last.as_ref());
                return Ok(Followed::Interrupted);
            }
            () = tokio::time::sleep(pause(last.as_ref())) => {}
        }
    }
}

/// Time until the next look.
fn pause(last: Option<&Snapshot>) -> Duration {
    let waits = last.is_some_and(|snapshot| snapshot.view.open_questions().next().is_some());
    if waits { LOOK_FOR_AN_ANSWER } else { LOOK }
}

fn finish(shown: &mut dyn Follow, snapshot: Option<&Snapshot>) {
    if let Some(snapshot) = snapshot {
        let _ = shown.finish(snapshot);
    }
}

/// Ready when the person, or the system, asks this process to end.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// What is asked, and whom.
struct Watch<'a> {
    client: &'a Client,
    run: &'a RunId,
}

impl Watch<'_> {
    /// One look; `None` while the workflow has not begun.
    async fn look(&self) -> Result<Option<Snapshot>, CliError> {
        let Some(mut view) = run_view(self.client, self.run).await? else { return Ok(None) };
        let mut jobs = self.jobs(self.run.as_str()).await;
        let iteration = match &view.iteration_workflow {
            Some(id) => {
                jobs.extend(self.jobs(id).await);
                self.iteration(id).await
            }
            None => None,
        };
        if let Some(iteration) = &iteration {
            // The lifecycle books an iteration's spend when it ends.
            view.spend = view.spend.plus(iteration.spend);
        }
        Ok(Some(Snapshot { view, iteration, jobs, now: now() }))
    }

    /// `None` while the iteration has not begun, or has just ended.
    async fn iteration(&self, id: &str) -> Option<IterationView> {
        let handle: WorkflowHandle<Client, Iteration> = self.client.get_workflow_handle(id);
        handle.query(Iteration::view, (), WorkflowQueryOptions::default()).await.ok()
    }

    async fn jobs(&self, workflow: &str) -> Vec<RunningJob> {
        let handle: WorkflowHandle<Client, UntypedWorkflow> = self.client.get_workflow_handle(workflow);
        let described = handle.describe(WorkflowDescribeOptions::default()).await;
        let Ok(described) = described else { return Vec::new() };
        described.raw().pending_activities.iter().filter_map(running_job).collect()
    }
}

fn running_job(pending: &PendingActivityInfo) -> Option<RunningJob> {
    let started = pending.last_started_time.as_ref()?;
    let details = pending.heartbeat_details.as_ref().and_then(|details| details.payloads.first());
    let progress: Option<Progress> = details.and_then(|payload| serde_json::from_slice(&payload.data).ok());
    Some(RunningJob {
        label: pending.activity_id.clone(),
        progress: progress.unwrap_or_default(),
        started: started.seconds as f64 + f64::from(started.nanos) * 1e-9,
    })
}

/// The run's view as its workflow gives it; `None` before its first task.
pub async fn run_view(client: &Client, run: &RunId) -> Result<Option<RunView>, CliError> {
    let handle: WorkflowHandle<Client, Lifecycle> = client.get_workflow_handle(run.as_str());
    let answer = handle.query(Lifecycle::view, (), WorkflowQueryOptions::default()).await;
    answer.map_err(|error| CliError::Refused { action: "show the run", reason: words::of_query(&error) })
}

/// Whether the server knows the run and it goes on.
pub async fn is_going_on(client: &Client, run: &RunId) -> Result<bool, CliError> {
    let handle: WorkflowHandle<Client, Lifecycle> = client.get_workflow_handle(run.as_str());
    match handle.describe(WorkflowDescribeOptions::default()).await {
        Ok(described) => Ok(described.status() == WorkflowExecutionStatus::Running),
        Err(WorkflowInteractionError::NotFound(_)) => Ok(false),
        Err(error) => {
            Err(CliError::Refused { action: "describe the run", reason: words::of_interaction(&error) })
        }
    }
}

/// Unix seconds.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

//! Timeouts, retries and queues of every activity, in one table.

use std::time::Duration;

use empiric_schema::contract::{ObserveRequest, RunOptions};
use temporalio_workflow::{
    ActivityCancellationType, ActivityOptions, LocalActivityOptions, RetryPolicy, WorkflowCancellationToken,
};

/// `scope.freeze`: downloads may take long, so it heartbeats.
pub(crate) fn freeze(options: &RunOptions, token: WorkflowCancellationToken) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(2 * 3600))
        .activity_id("data and models".to_owned())
        .heartbeat_timeout(heartbeat(options))
        .cancellation_token(token)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .retry_policy(retries(options.job_attempts))
        .build()
}

/// `job.run`: on the queue of jobs; a lost worker is noticed by its heartbeat. The label is the activity's
/// id, so that followers can name what runs.
pub(crate) fn job(options: &RunOptions, label: &str, token: WorkflowCancellationToken) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(options.job_seconds))
        .task_queue(options.jobs_queue.clone())
        .heartbeat_timeout(heartbeat(options))
        .cancellation_token(token)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .activity_id(label.to_owned())
        .retry_policy(retries(options.job_attempts))
        .build()
}

/// `rollout.observe`: waits as long as a window takes, and is not waited for when there is something else to do.
pub(crate) fn observe(
    options: &RunOptions,
    request: &ObserveRequest,
    token: WorkflowCancellationToken,
) -> ActivityOptions {
    let longest = Duration::from_secs_f64(request.window_seconds) + Duration::from_secs(60);
    ActivityOptions::with_start_to_close_timeout(longest)
        .heartbeat_timeout(heartbeat(options))
        .cancellation_token(token)
        .cancellation_type(ActivityCancellationType::TryCancel)
        .retry_policy(retries(0))
        .build()
}

/// `rollout.notify`: who cannot be told soon is not waited for.
pub(crate) fn notify() -> ActivityOptions {
    let policy =
        RetryPolicy::builder().initial_interval(Duration::from_millis(500)).maximum_attempts(2).build();
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10)).retry_policy(policy).build()
}

/// `rollout.collect`: reads the rows of one version and compares them with all data.
pub(crate) fn collect(options: &RunOptions) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(600))
        .retry_policy(retries(options.job_attempts))
        .build()
}

/// `record.write`: bookkeeping that may run twice, and that runs even when the work was cancelled.
pub(crate) fn record() -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(60))
        .cancellation_token(WorkflowCancellationToken::new())
        .retry_policy(retries(0))
        .build()
}

/// `rollout.offer`: reads a key and a row. What fails again and again is said instead.
pub(crate) fn offer() -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(60))
        .retry_policy(retries(5))
        .build()
}

fn heartbeat(options: &RunOptions) -> Duration {
    Duration::from_secs(options.heartbeat_seconds)
}

/// Backoff from half a second to half a minute. `attempts` of 0 means without end: which failures are
/// final is said by the activity, class by class.
fn retries(attempts: u32) -> RetryPolicy {
    RetryPolicy::builder()
        .initial_interval(Duration::from_millis(500))
        .backoff_coefficient(2.0)
        .maximum_interval(Duration::from_secs(30))
        .maximum_attempts(attempts)
        .build()
}

//! What an iteration asks of the world: Temporal's context in a run, answers at once in a rehearsal.

use empiric_schema::contract::{JobOutcome, JobRequest, Record, RunOptions};
use empiric_schema::id::RunId;
use empiric_schema::view::IterationView;
use temporalio_workflow::{WorkflowContext, join_all};

use super::Iteration;
use crate::dispatch::{self, Halt};

/// The world of an iteration.
pub(crate) trait Effects {
    /// Ready when work may begin: a paused run holds it back.
    async fn ready(&self) -> Result<(), Halt>;
    /// Shows the race as it stands.
    fn show(&self, view: IterationView);
    /// Runs these jobs at once and waits for all, in their order.
    async fn run(&self, requests: Vec<JobRequest>, options: &RunOptions) -> Vec<Result<JobOutcome, Halt>>;
    /// Writes rows of the read model.
    async fn record(&self, run: &RunId, records: Vec<Record>) -> Result<(), Halt>;
}

impl Effects for WorkflowContext<Iteration> {
    async fn ready(&self) -> Result<(), Halt> {
        self.wait_condition(|state| !state.paused).await.map_err(|_| Halt::Cancelled)
    }

    fn show(&self, view: IterationView) {
        self.state_mut(|state| state.view = view);
    }

    async fn run(&self, requests: Vec<JobRequest>, options: &RunOptions) -> Vec<Result<JobOutcome, Halt>> {
        let running = requests
            .into_iter()
            .map(|request| dispatch::run_job(self, request, options, self.cancellation_token()));
        join_all(running).await
    }

    async fn record(&self, run: &RunId, records: Vec<Record>) -> Result<(), Halt> {
        dispatch::record(self, run, records).await.map_err(|error| Halt::Problem(error.to_string()))
    }
}

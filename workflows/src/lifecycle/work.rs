//! Jobs of the lifecycle itself, each under the whole remaining budget.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::budget::Spend;
use empiric_schema::contract::{JobOutcome, JobRequest};
use empiric_schema::job::{JobKind, JobSpec};
use empiric_schema::version::SystemVersion;
use temporalio_workflow::WorkflowContext;

use super::{Life, Lifecycle};
use crate::dispatch::{self, Halt};
use crate::gate::Grades;
use crate::iteration::{grades, results};

impl Life {
    /// A version answers a whole split in one job under the whole remaining budget.
    pub(super) async fn evaluate(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        version: &SystemVersion,
        split: &str,
        label: &str,
    ) -> Result<(Grades, Vec<ArtifactRef>), Halt> {
        self.unpaused(ctx).await?;
        let (params, share) = self.books.evaluation(version, split, &self.input)?;
        let outcome = self.pay_for(ctx, label, (JobKind::Evaluate(Box::new(params)), 0), share).await?;
        Ok((grades(&outcome), results(&outcome)))
    }

    /// Runs a job under the whole remaining budget.
    pub(super) async fn run_job(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        label: &str,
        kind: JobKind,
    ) -> Result<JobOutcome, Halt> {
        self.run_job_again(ctx, label, kind, 0).await
    }

    /// As [`Self::run_job`]; with a repeat above 0 recorded outputs are no answer.
    pub(super) async fn run_job_again(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        label: &str,
        kind: JobKind,
        repeat: u32,
    ) -> Result<JobOutcome, Halt> {
        self.unpaused(ctx).await?;
        let share = self.books.reserve()?;
        self.pay_for(ctx, label, (kind, repeat), share).await
    }

    async fn pay_for(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        label: &str,
        (kind, repeat): (JobKind, u32),
        share: Spend,
    ) -> Result<JobOutcome, Halt> {
        let name = kind.name();
        let job = JobSpec { kind, seed: self.input.spec.improve.seed, repeat, reserve: share };
        let request = JobRequest { run: self.input.run.clone(), label: label.to_owned(), job };
        let outcome = dispatch::run_job(ctx, request, &self.input.options, self.token.clone()).await;
        self.books.settle(share, outcome.as_ref().ok());
        let outcome = outcome?;
        self.record(ctx, vec![dispatch::job_row(label, name, &outcome)]).await?;
        dispatch::is_complete(&outcome, share)?;
        Ok(outcome)
    }
}

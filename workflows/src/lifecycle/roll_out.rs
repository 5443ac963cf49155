//! From the gate to the rollout: a version that kept its promise is offered to the project's rollout, which is begun
//! where none goes on. What cannot be told is said, and ends no run otherwise than it would have ended.

use empiric_schema::contract::{Offered, ReleaseOffer, Rollouts};
use empiric_schema::decision::StopReason;
use temporalio_workflow::{ChildWorkflowOptions, ParentClosePolicy, SignalWorkflowOptions, WorkflowContext};

use super::{Life, Lifecycle};
use crate::dispatch::{self, Halt};
use crate::options;
use crate::rollout::{Books, Rollout, RolloutInput, WINDOWS_PER_EXECUTION};

impl Life {
    /// Offers the version, where the run has one to offer and the spec has stages.
    pub(super) async fn roll_out(&mut self, ctx: &WorkflowContext<Lifecycle>, reason: &StopReason) {
        if !self.input.options.roll_out {
            return;
        }
        let Some(offer) = self.books.offer(reason, &self.input.run) else { return };
        let version = offer.version.clone();
        let told = match self.sign(ctx, offer).await {
            Ok(offered) => self.tell_rollout(ctx, offered).await,
            Err(halt) => Err(halt),
        };
        self.books.rolled_out(version, told);
    }

    async fn sign(&self, ctx: &WorkflowContext<Lifecycle>, offer: ReleaseOffer) -> Result<Offered, Halt> {
        let offered = ctx.execute_local_activity(Rollouts::offer, offer, options::offer()).await;
        offered.map_err(|error| dispatch::halt(&error))
    }

    /// Begins the rollout unless it goes on, and offers; gives its workflow.
    async fn tell_rollout(&self, ctx: &WorkflowContext<Lifecycle>, offered: Offered) -> Result<String, Halt> {
        let workflow = RolloutInput::workflow_id(&self.input.spec.name);
        let options = ChildWorkflowOptions::builder()
            .workflow_id(workflow.clone())
            .parent_close_policy(ParentClosePolicy::Abandon)
            .build();
        // One that goes on already takes the offer too; any other reason shows when it is told.
        let _ = ctx.start_child_workflow(Rollout::run, self.rollout_input(&offered), options).await;
        let rollout = ctx.external_workflow(workflow.clone(), None);
        let told = rollout.signal(Rollout::offer, offered.signed, SignalWorkflowOptions::default()).await;
        told.map(|_| workflow).map_err(|error| Halt::Problem(error.to_string()))
    }

    fn rollout_input(&self, offered: &Offered) -> RolloutInput {
        RolloutInput {
            spec: self.input.spec.clone(),
            project_dir: self.input.project_dir.clone(),
            options: self.input.options.clone(),
            approver_key: offered.approver_key.clone(),
            windows_per_execution: WINDOWS_PER_EXECUTION,
            books: Books::begin(offered.revision),
        }
    }
}

//! The rollout as a workflow: it waits for windows and for people, and does what the books say.

use empiric_schema::contract::{
    GivenDemotion, GivenRequalification, Observed, RunOptions, SignedClaim, SignedOffer,
};
use empiric_schema::rollout::RolloutView;
use empiric_schema::spec::ProjectSpec;
use futures::future::{Either, LocalBoxFuture, select};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use temporalio_common::error::ApplicationFailure;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
    WorkflowTermination,
};

use super::approval::{self, ClaimError};
use super::books::{Books, Task};
use super::effects;
use super::errands::{self, Done};
use super::orders::{Approved, OrderError};
use super::rules::{RolloutError, Rules};

/// Windows of one execution, as a rule. The next one goes on with the books alone, and not with their history.
pub const WINDOWS_PER_EXECUTION: u32 = 500;

/// What a rollout starts from, or goes on from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RolloutInput {
    /// The project, as it was when the rollout began. It has stages.
    pub spec: ProjectSpec,
    /// Folder of the project on the machine where the control worker runs.
    pub project_dir: PathBuf,
    /// Timeouts and places; also those of runs that are opened from failures.
    pub options: RunOptions,
    /// The public key of approvals (Ed25519), 64 hexadecimal digits.
    pub approver_key: String,
    /// After so many windows, another execution goes on. [`WINDOWS_PER_EXECUTION`], unless a test is in a hurry.
    pub windows_per_execution: u32,
    /// What was decided so far. At the beginning, it holds the revision of the exposure alone.
    pub books: Books,
}

impl RolloutInput {
    /// The id of the workflow: a project has one rollout.
    pub fn workflow_id(project: &str) -> String {
        format!("rollout-{project}")
    }
}

/// The rollout workflow.
#[workflow]
pub struct Rollout {
    pub(super) input: RolloutInput,
    pub(super) rules: Result<Rules, RolloutError>,
    pub(super) books: Books,
    /// Greatest revision that is written.
    pub(super) applied: u64,
    /// What the books said before a person's order that is not written yet.
    pub(super) undo: Option<Books>,
    /// Why the last order could not be carried out.
    pub(super) refused: Option<String>,
    pub(super) updated: f64,
}

/// Why an update is refused, in words.
type Refusal = Box<dyn std::error::Error + Send + Sync>;

#[workflow_methods]
impl Rollout {
    /// Takes the input before anybody can ask.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: RolloutInput) -> Self {
        Self {
            rules: Rules::of(&input.spec),
            books: input.books.clone(),
            applied: input.books.state.revision,
            undo: None,
            refused: None,
            updated: 0.0,
            input,
        }
    }

    /// Goes on until it is cancelled. What is served then stays as it is.
    #[run(name = "empiric.rollout")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let rules = match ctx.state(|state| state.rules.clone()) {
            Ok(rules) => rules,
            Err(error) => return Err(ApplicationFailure::non_retryable(error).into()),
        };
        let input = carry(ctx, &rules).await?;
        ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
        Ok(())
    }

    /// The rollout as it stands.
    #[query(name = "view")]
    pub fn view(&self, _ctx: &WorkflowContextView) -> Option<RolloutView> {
        self.shown()
    }

    /// A run offers the version that kept its promise. What is not signed with the project's key is not heard: a
    /// signal alone exposes nothing. Nobody waits for an answer.
    #[signal(name = "offer")]
    pub fn offer(&mut self, ctx: &mut SyncWorkflowContext<Self>, signed: SignedOffer) {
        let RolloutInput { spec, approver_key, .. } = &self.input;
        let heard = approval::verify_offer(approver_key, &signed, &spec.name);
        if let (Ok(()), Ok(rules)) = (heard, &self.rules) {
            let at = seconds(ctx.workflow_time());
            self.books.offer(rules, &signed.offer, at);
            self.updated = at;
        }
    }

    #[update_validator(approve)]
    fn validate_approve(&self, _ctx: &WorkflowContextView, signed: &SignedClaim) -> Result<(), Refusal> {
        self.verify(signed)?;
        Ok(self.books.check_answer(known(&self.rules)?, &signed.claim, Approved::Yes)?)
    }

    /// A person says that more people may see the version.
    #[update(name = "approve")]
    pub async fn approve(
        ctx: &mut WorkflowContext<Self>,
        signed: SignedClaim,
    ) -> Result<Option<RolloutView>, Refusal> {
        Self::signed(ctx, &signed, |books, rules, now| books.approve(rules, &signed.claim, now)).await
    }

    #[update_validator(reject)]
    fn validate_reject(&self, _ctx: &WorkflowContextView, signed: &SignedClaim) -> Result<(), Refusal> {
        self.verify(signed)?;
        Ok(self.books.check_answer(known(&self.rules)?, &signed.claim, Approved::No)?)
    }

    /// A person says that the version stays where it is.
    #[update(name = "reject")]
    pub async fn reject(
        ctx: &mut WorkflowContext<Self>,
        signed: SignedClaim,
    ) -> Result<Option<RolloutView>, Refusal> {
        Self::signed(ctx, &signed, |books, rules, now| books.reject(rules, &signed.claim, now)).await
    }

    #[update_validator(promote)]
    fn validate_promote(&self, _ctx: &WorkflowContextView, signed: &SignedClaim) -> Result<(), Refusal> {
        self.verify(signed)?;
        Ok(self.books.check_promote(known(&self.rules)?, &signed.claim)?)
    }

    /// A person brings a version, or carries one on without waiting for the rule.
    #[update(name = "promote")]
    pub async fn promote(
        ctx: &mut WorkflowContext<Self>,
        signed: SignedClaim,
    ) -> Result<Option<RolloutView>, Refusal> {
        Self::signed(ctx, &signed, |books, rules, now| books.promote(rules, &signed.claim, now)).await
    }

    #[update_validator(requalify)]
    fn validate_requalify(
        &self,
        _ctx: &WorkflowContextView,
        given: &GivenRequalification,
    ) -> Result<(), Refusal> {
        Ok(self.books.check_requalify(given)?)
    }

    /// A person says whether a run looks for a version with another model.
    #[update(name = "requalify")]
    pub async fn requalify(
        ctx: &mut WorkflowContext<Self>,
        given: GivenRequalification,
    ) -> Result<Option<RolloutView>, Refusal> {
        Self::ordered(ctx, |books, rules, now| books.requalify(rules, &given, now)).await
    }

    #[update_validator(demote)]
    fn validate_demote(&self, _ctx: &WorkflowContextView, given: &GivenDemotion) -> Result<(), Refusal> {
        self.is_fresh(given)?;
        Ok(self.books.check_demote(known(&self.rules)?, given)?)
    }

    /// A person steps back.
    #[update(name = "demote")]
    pub async fn demote(
        ctx: &mut WorkflowContext<Self>,
        given: GivenDemotion,
    ) -> Result<Option<RolloutView>, Refusal> {
        ctx.state(|state| state.is_fresh(&given))?;
        Self::ordered(ctx, |books, rules, now| books.demote(rules, &given, now)).await
    }
}

impl Rollout {
    /// The rollout as it stands; nothing for a project without stages.
    pub(super) fn shown(&self) -> Option<RolloutView> {
        let rules = self.rules.as_ref().ok()?;
        Some(self.books.view(rules, &self.input.spec.name, self.updated))
    }

    /// A demotion that names what was looked at is about that alone.
    fn is_fresh(&self, given: &GivenDemotion) -> Result<(), OrderError> {
        let now = approval::nonce(&self.input.spec.name, self.books.state.revision);
        given.nonce.as_ref().filter(|looked_at| **looked_at != now).map_or(Ok(()), |_| Err(OrderError::Stale))
    }

    fn verify(&self, signed: &SignedClaim) -> Result<(), ClaimError> {
        let RolloutInput { spec, approver_key, .. } = &self.input;
        approval::verify(approver_key, signed, &spec.name, self.books.state.revision)
    }

    /// Two orders of one moment pass the validator together: the second finds here that it is late.
    async fn signed(
        ctx: &mut WorkflowContext<Self>,
        signed: &SignedClaim,
        order: impl FnOnce(&mut Books, &Rules, f64) -> Result<(), OrderError>,
    ) -> Result<Option<RolloutView>, Refusal> {
        ctx.state(|state| state.verify(signed))?;
        Self::ordered(ctx, order).await
    }

    /// Does what was ordered and waits until it is written.
    async fn ordered(
        ctx: &mut WorkflowContext<Self>,
        order: impl FnOnce(&mut Books, &Rules, f64) -> Result<(), OrderError>,
    ) -> Result<Option<RolloutView>, Refusal> {
        let at = now(ctx);
        let revision = ctx.state_mut(|state| state.take(order, at))?;
        // A cancelled rollout writes nothing more, and then there is nothing to wait for.
        let _ = ctx.wait_condition(|state| state.applied >= revision).await;
        ctx.state_mut(|state| match state.refused.take() {
            Some(refused) => Err(refused.into()),
            None => Ok(state.shown()),
        })
    }

    fn take(
        &mut self,
        order: impl FnOnce(&mut Books, &Rules, f64) -> Result<(), OrderError>,
        at: f64,
    ) -> Result<u64, Refusal> {
        let before = self.books.clone();
        order(&mut self.books, known(&self.rules)?, at)?;
        self.undo.get_or_insert(before);
        self.updated = at;
        Ok(self.books.state.revision)
    }

    /// What a person ordered and cannot be served is taken back, so that nobody believes that it is. What was
    /// decided without a person is written again with the next window, as a later revision.
    pub(super) fn take_back(&mut self, problem: String) {
        if let Some(before) = self.undo.take() {
            self.books.go_back_to(before);
            self.applied = self.books.state.revision;
            self.refused = Some(problem.clone());
        } else {
            self.books.state.revision += 1;
        }
        self.books.set_problem(Some(problem));
    }
}

fn known(rules: &Result<Rules, RolloutError>) -> Result<&Rules, Refusal> {
    rules.as_ref().map_err(|error| error.clone().into())
}

/// What happens next.
enum Event {
    Seen(Option<Observed>),
    Done(Box<Done>),
}

/// Watches and obeys until there is so much history that a new execution should go on; gives what it goes on with.
async fn carry(ctx: &WorkflowContext<Rollout>, rules: &Rules) -> Result<RolloutInput, WorkflowTermination> {
    let longest = ctx.state(|state| state.input.windows_per_execution);
    let mut windows = 0;
    let mut watch: Option<LocalBoxFuture<'_, Option<Observed>>> = None;
    let mut errand: Option<LocalBoxFuture<'_, Done>> = None;
    loop {
        effects::work_off(ctx, rules).await;
        if errand.is_none() {
            let at = now(ctx);
            let next = ctx.state_mut(|state| state.books.next_errand(rules, at));
            errand =
                next.map(|next| -> LocalBoxFuture<'_, Done> { Box::pin(errands::run(ctx, rules, next)) });
        }
        let is_between = watch.is_none() && errand.is_none() && ctx.state(|state| state.books.is_idle());
        let is_long = windows >= longest || ctx.continue_as_new_suggested();
        // Who is being answered just now shall get the answer from the execution that was asked.
        if is_long && is_between && ctx.all_handlers_finished() {
            return Ok(ctx.state(|state| RolloutInput { books: state.books.clone(), ..state.input.clone() }));
        }
        let seen = watch.get_or_insert_with(|| Box::pin(effects::watch(ctx)));
        let event = match &mut errand {
            Some(running) => match select(seen, running).await {
                Either::Left((seen, _)) => Event::Seen(seen),
                Either::Right((done, _)) => Event::Done(Box::new(done)),
            },
            None => Event::Seen(seen.await),
        };
        if ctx.cancellation_token().is_cancelled() {
            return Err(WorkflowTermination::cancelled());
        }
        match event {
            Event::Seen(seen) => {
                watch = None;
                windows += 1;
                take_window(ctx, rules, seen);
            }
            Event::Done(done) => {
                errand = None;
                take_done(ctx, rules, &done);
            }
        }
    }
}

/// A window that was under way when something else changed is counted anew.
fn take_window(ctx: &WorkflowContext<Rollout>, rules: &Rules, seen: Option<Observed>) {
    let Some(seen) = seen else { return };
    let at = now(ctx);
    ctx.state_mut(|state| {
        state.updated = at;
        state.books.observe(rules, &seen, at);
        if state.books.tasks.is_empty() {
            state.books.tasks.push_back(Task::Show);
        }
    });
}

fn take_done(ctx: &WorkflowContext<Rollout>, rules: &Rules, done: &Done) {
    let at = now(ctx);
    ctx.state_mut(|state| {
        state.books.errand_done(rules, done, at);
        // A homecoming that failed has always been written once; recorded histories know no more.
        if !matches!(&done, Done::Home(home) if home.outcome.is_err()) {
            state.books.tasks.push_back(Task::Show);
        }
    });
}

/// The workflow's clock in Unix seconds; 0 where there is no time.
pub(super) fn now(ctx: &WorkflowContext<Rollout>) -> f64 {
    seconds(ctx.workflow_time())
}

fn seconds(time: Option<std::time::SystemTime>) -> f64 {
    let since = time.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0.0, |since| since.as_secs_f64())
}

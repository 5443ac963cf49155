//! Asking a person: the question is shown, its deadline escalates it, and only an answer ends the wait.

use std::time::Duration;

use empiric_schema::budget::Resource;
use empiric_schema::contract::Record;
use empiric_schema::decision::StopReason;
use empiric_schema::question::PersonAnswer;
use futures::future::{Either, select};
use temporalio_workflow::{
    CancellableFuture as _, TimerOptions, TimerResult, WaitConditionOptions, WorkflowContext,
};

use super::{Life, Lifecycle, now};
use crate::dispatch::Halt;
use crate::people::{Draft, People};

impl Life {
    /// Asks about items that look wrong, where there are many that nobody has vouched for.
    pub(super) async fn ask_about_defects(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        let Some(draft) = self.books.doubt() else { return Ok(()) };
        let answer = self.ask(ctx, draft).await?;
        self.books.end_doubt(&answer);
        Ok(())
    }

    /// Whether a person lets the run spend as much again of what is used up.
    pub(super) async fn may_spend_more(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        resource: Resource,
    ) -> Result<bool, Halt> {
        let Some(draft) = self.books.overdraft(resource) else { return Ok(false) };
        let answer = self.ask(ctx, draft).await?;
        if answer.approved {
            self.books.raise(resource);
        }
        Ok(answer.approved)
    }

    /// Why the run ends, after a person was asked to release a version that kept the promise.
    pub(super) async fn released(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        reason: StopReason,
    ) -> Result<StopReason, Halt> {
        let Some(draft) = self.books.release(&reason) else { return Ok(reason) };
        let answer = self.ask(ctx, draft).await?;
        Ok(if answer.approved { reason } else { self.books.withheld(&answer) })
    }

    /// Asks, and waits for the answer without end: the deadline decides nothing.
    ///
    /// # Errors
    /// [`Halt::Cancelled`] when the run is cancelled, or its wall-clock limit is reached, before somebody answers.
    async fn ask(&mut self, ctx: &WorkflowContext<Lifecycle>, draft: Draft) -> Result<PersonAnswer, Halt> {
        let (asked, patience) = (now(ctx), self.input.spec.people.deadline_seconds);
        let about = draft.about;
        let number = ctx.state_mut(|state| state.people.ask(draft, asked, patience));
        self.books.wait_for(number, about);
        self.tell(ctx, number).await?;
        if !self.is_answered_in_time(ctx, number, patience).await? {
            let late = now(ctx);
            ctx.state_mut(|state| state.people.escalate(number, late));
            self.tell(ctx, number).await?;
            self.answered(ctx, number).await?;
        }
        let question = ctx.state(|state| state.people.question(number).cloned());
        let answer = question.and_then(|question| self.books.take_answer(&question));
        self.tell(ctx, number).await?;
        answer.ok_or_else(|| Halt::Problem(format!("question {number} has lost its answer")))
    }

    /// Whether an answer came before the deadline did.
    async fn is_answered_in_time(
        &self,
        ctx: &WorkflowContext<Lifecycle>,
        number: u32,
        patience: f64,
    ) -> Result<bool, Halt> {
        let timer = TimerOptions::builder(Duration::from_secs_f64(patience))
            .cancellation_token(self.token.clone())
            .summary(format!("deadline of question {number}"))
            .build();
        let (answered, deadline) = (self.answered(ctx, number), ctx.timer(timer));
        futures::pin_mut!(answered, deadline);
        match select(answered, deadline).await {
            Either::Left((answered, deadline)) => {
                deadline.cancel();
                answered.map(|()| true)
            }
            Either::Right((TimerResult::Fired, _)) => Ok(false),
            Either::Right((TimerResult::Cancelled, answered)) => answered.await.map(|()| true),
        }
    }

    /// Ready when somebody has answered, or when the run must end.
    async fn answered(&self, ctx: &WorkflowContext<Lifecycle>, number: u32) -> Result<(), Halt> {
        let is_answered =
            |people: &People| people.question(number).is_some_and(|question| !question.is_open());
        let options = WaitConditionOptions::builder().cancellation_token(self.token.clone()).build();
        let waited = ctx.wait_condition_with_options(|state| is_answered(&state.people), options).await;
        waited.map_err(|_| Halt::Cancelled)
    }

    /// Shows how a question stands, to readers of the run and to telemetry.
    async fn tell(&self, ctx: &WorkflowContext<Lifecycle>, number: u32) -> Result<(), Halt> {
        let view = self.view(ctx);
        ctx.state_mut(|state| state.view = Some(view.clone()));
        let question = ctx.state(|state| state.people.question(number).cloned());
        let question = question.map(|question| Record::Question(Box::new(question)));
        let records = std::iter::once(Record::Run(Box::new(view))).chain(question);
        self.record(ctx, records.collect()).await
    }
}

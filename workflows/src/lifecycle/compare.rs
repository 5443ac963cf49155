//! The steps of the lifecycle that measure what decides nothing: what a gain has to be held against.

use empiric_schema::artifact::Digest;
use empiric_schema::view::Reference;
use temporalio_workflow::WorkflowContext;

use super::{Life, Lifecycle};
use crate::dispatch::Halt;
use crate::gate::Grades;
use crate::iteration::grades;

impl Life {
    /// Measures every reference that the project allows on a split, beside a system with these grades.
    pub(super) async fn compare(
        &mut self,
        ctx: &WorkflowContext<Lifecycle>,
        split: &str,
        beside: (&Digest, &Grades),
    ) -> Result<(), Halt> {
        for reference in self.books.references(split, &self.input) {
            let Some(kind) = self.books.reference_job(reference, split, &self.input)? else { continue };
            let label = format!("{} on {split}", reference.words());
            let repeat = u32::from(reference == Reference::Again);
            match self.run_job_again(ctx, &label, kind, repeat).await {
                Ok(outcome) => self.books.take_comparison(reference, split, beside, &grades(&outcome)),
                // What decides nothing may end nothing. A cancelled token halts the next step that decides.
                Err(_) => self.books.take_comparison(reference, split, beside, &Grades::default()),
            }
        }
        Ok(())
    }
}

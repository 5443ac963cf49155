//! The steps of the lifecycle that find out why the incumbent fails.

use temporalio_workflow::WorkflowContext;

use super::{Life, Lifecycle};
use crate::dispatch::Halt;
use empiric_schema::view::Stage;

impl Life {
    /// Probes the incumbent's failures and puts alike ones together, once for each incumbent.
    pub(super) async fn diagnose(&mut self, ctx: &WorkflowContext<Lifecycle>) -> Result<(), Halt> {
        self.books.enter(Stage::Improve, "probing the failures");
        self.publish(ctx).await?;
        if let Some(chunking) = self.books.chunking() {
            let outcome = self.run_job(ctx, "documents cut into passages", chunking).await?;
            self.books.take_chunks(&outcome);
        }
        let Some((probing, positions)) = self.books.probing(&self.input) else {
            return self.books.diagnose(&[], None, None);
        };
        let label = format!("probes of {} failures", positions.len());
        let probed = self.run_job(ctx, &label, probing).await?;
        let clustered = match self.books.clustering(&probed) {
            Some(clustering) => Some(self.run_job(ctx, "clusters of the failures", clustering).await?),
            None => None,
        };
        self.books.diagnose(&positions, Some(&probed), clustered.as_ref())
    }
}

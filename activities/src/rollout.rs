//! Control activities of a rollout: counting windows, writing what is served, telling people, bringing failures
//! home. What follows from them is decided in `workflows`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use empiric_grade::GradeError;
use empiric_schema::artifact::Digest;
use empiric_schema::contract::{
    ApplyRequest, CollectRequest, Collected, GatherRequest, Gathered, ModelsFound, ModelsRequest,
    NotifyRequest, ObserveRequest, Observed, Offered, ReleaseOffer,
};
use empiric_schema::spec::Diagnostics;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::adapters::artifact_store::{ArtifactStore, StoreError};
use crate::adapters::database::{Database, DatabaseError};
use crate::adapters::signing_key::SigningKeyError;
use crate::adapters::source::NetworkMode;
use crate::adapters::webhook::WebhookError;
use crate::failure;

mod apply;
mod collect;
pub(crate) mod gather;
pub(crate) mod grading;
mod harvest;
mod models;
mod notify;
mod observe;
mod offer;
mod preferences;
pub(crate) mod tally;

pub(crate) use collect::question;

#[cfg(test)]
mod tests;

/// How often new rows are looked for, and the server hears that somebody does.
const POLL: Duration = Duration::from_millis(500);

/// Control activities of a rollout.
#[derive(Debug, Clone)]
pub struct RolloutActivities {
    /// Where the gateway writes, and reads what to serve.
    pub database: Database,
    /// Where items go.
    pub store: ArtifactStore,
    /// The state folder, with the project's key.
    pub state: PathBuf,
    /// Whether servers of models may be asked that are not on this machine.
    pub network: NetworkMode,
}

/// Why an activity of a rollout failed.
#[derive(Debug, thiserror::Error)]
pub enum RolloutActivityError {
    /// The database refused.
    #[error("the rollout's tables do not work")]
    Database(#[from] DatabaseError),
    /// Data could not be had, or items not be kept.
    #[error("items could not be read or kept")]
    Store(#[from] StoreError),
    /// Nobody knows the version.
    #[error("no run of this state folder has the version {0}, and nobody has brought it")]
    UnknownVersion(Digest),
    /// Somebody else has written an exposure since.
    #[error("somebody else has exposed {} as revision {revision}; say again what shall be served", serving.short())]
    Superseded {
        /// The revision that stands.
        revision: u64,
        /// The version that answers.
        serving: Digest,
    },
    /// A check of the answers cannot work.
    #[error("a check of `monitor.graders` cannot work")]
    Grade(#[from] GradeError),
    /// Data of the project does not read.
    #[error("{0}")]
    Data(Diagnostics),
    /// A row does not read.
    #[error("a row of `{table}` does not read")]
    Row {
        /// Its table.
        table: &'static str,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The worker leaves, or nobody waits any more.
    #[error("the window was not counted to its end")]
    Left,
    /// People could not be told.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// There is no key to sign with.
    #[error("nothing can be signed")]
    Key(#[from] SigningKeyError),
}

#[activities]
impl RolloutActivities {
    /// Waits until a window is over or asks for a decision, and counts it.
    #[activity(definition = empiric_schema::contract::ObserveWindow)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn observe(
        self: Arc<Self>,
        context: ActivityContext,
        request: ObserveRequest,
    ) -> Result<Observed, ActivityError> {
        tokio::select! {
            observed = self.watch(&request) => observed.map_err(failure::of_rollout),
            // A window that nobody waits for any more is not asked for again; another worker takes over one
            // that this worker leaves.
            () = context.cancelled() => Err(failure::of_rollout(RolloutActivityError::Left)),
            never = heartbeats(&context) => match never {},
        }
    }

    /// Writes what is served and how the rollout stands.
    #[activity(definition = empiric_schema::contract::ApplyExposure)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn apply(
        self: Arc<Self>,
        _context: ActivityContext,
        request: ApplyRequest,
    ) -> Result<(), ActivityError> {
        self.write(&request).await.map_err(failure::of_rollout)
    }

    /// Tells people.
    #[activity(definition = empiric_schema::contract::NotifyPeople)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn notify(
        self: Arc<Self>,
        _context: ActivityContext,
        request: NotifyRequest,
    ) -> Result<(), ActivityError> {
        notify::tell(&request).await.map_err(failure::of_rollout)
    }

    /// Gathers questions and answers for a look at drift.
    #[activity(definition = empiric_schema::contract::GatherServed)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn gather(
        self: Arc<Self>,
        _context: ActivityContext,
        request: GatherRequest,
    ) -> Result<Gathered, ActivityError> {
        self.gather_lines(&request).await.map_err(failure::of_rollout)
    }

    /// Looks whether the models of versions are still there.
    #[activity(definition = empiric_schema::contract::LookForModels)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn models(
        self: Arc<Self>,
        _context: ActivityContext,
        request: ModelsRequest,
    ) -> Result<ModelsFound, ActivityError> {
        self.look_for_models(&request).await.map_err(failure::of_rollout)
    }

    /// Makes items and preferences of what failed.
    #[activity(definition = empiric_schema::contract::CollectFailures)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn collect(
        self: Arc<Self>,
        _context: ActivityContext,
        request: CollectRequest,
    ) -> Result<Collected, ActivityError> {
        self.bring_home(&request).await.map_err(failure::of_rollout)
    }

    /// Signs the offer of a run.
    #[activity(definition = empiric_schema::contract::SignOffer)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn offer(
        self: Arc<Self>,
        _context: ActivityContext,
        offer: ReleaseOffer,
    ) -> Result<Offered, ActivityError> {
        self.sign_offer(offer).await.map_err(failure::of_rollout)
    }
}

async fn heartbeats(context: &ActivityContext) -> std::convert::Infallible {
    loop {
        if let Err(error) = context.record_heartbeat(()).await {
            tracing::warn!(%error, "could not send a heartbeat");
        }
        tokio::time::sleep(POLL).await;
    }
}

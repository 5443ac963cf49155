//! What lets pages steer the rollout: a connection to the server that somebody keeps, and the project's key.
//!
//! Nothing is started for it. Where nobody keeps a server, pages say what to type instead.

use std::time::Duration;

use async_trait::async_trait;
use empiric_activities::adapters::database::Database;
use empiric_activities::adapters::signing_key::SigningKey;
use empiric_gateway::steer::{Act, Order, Outlook, Prospect, SteerError, Steering};
use empiric_schema::artifact::Digest;
use empiric_schema::contract::{GivenDemotion, ReleaseClaim};
use empiric_schema::decision::StopReason;
use empiric_schema::rollout::{RolloutView, Rung};
use empiric_schema::spec::ProjectSpec;
use empiric_workflows::rollout::{Books, RolloutInput, Rules, WINDOWS_PER_EXECUTION};
use temporalio_client::Client;

use crate::cli::TemporalArgs;
use crate::commands::{run_options, who};
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::now;
use crate::place::Place;
use crate::rollout;

/// How long a page waits for the rollout.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a page waits for an order to be carried out.
const LONG_PATIENCE: Duration = Duration::from_secs(30);
/// Runs that are looked at for versions to bring.
const RUNS: usize = 20;

/// Steers the rollout of one project.
#[derive(Debug)]
pub struct Steersman {
    temporal: TemporalArgs,
    place: Place,
    spec: ProjectSpec,
    rules: Rules,
    key: SigningKey,
    database: Database,
}

impl Steersman {
    /// Steers a project; `None` where its spec has no stages.
    pub async fn new(temporal: &TemporalArgs, place: &Place) -> Result<Option<Self>, CliError> {
        let spec = place.spec()?;
        let Ok(rules) = Rules::of(&spec) else { return Ok(None) };
        place.make_state()?;
        let (key, database) = (SigningKey::open(&place.state)?, place.database().await?);
        Ok(Some(Self { temporal: temporal.clone(), place: place.clone(), spec, rules, key, database }))
    }

    async fn client(&self) -> Result<Client, CliError> {
        Ok(Session::join(&self.temporal, &self.place).await?.client)
    }

    async fn outlook(&self) -> Result<Outlook, CliError> {
        let client = self.client().await?;
        let view = match rollout::is_going_on(&client, &self.spec.name).await? {
            true => rollout::view(&client, &self.spec.name).await?,
            false => self.input().await?.books.view(&self.rules, &self.spec.name, now()),
        };
        let to = self.rules.rung(self.rules.entry(view.last_good.as_ref()));
        let prospects = self.prospects(&view, to).await?;
        Ok(Outlook { view, prospects })
    }

    /// What a rollout of now would start from.
    async fn input(&self) -> Result<RolloutInput, CliError> {
        let exposure = self.database.exposure(&self.spec.name).await?;
        Ok(RolloutInput {
            spec: self.spec.clone(),
            project_dir: self.place.project.clone(),
            options: run_options(),
            approver_key: self.key.public(),
            windows_per_execution: WINDOWS_PER_EXECUTION,
            books: Books::begin(exposure.map_or(0, |exposure| exposure.revision)),
        })
    }

    /// The version of the latest run that kept its promise, unless it is the good one already.
    async fn prospects(&self, view: &RolloutView, to: Rung) -> Result<Vec<Prospect>, CliError> {
        for run in self.database.list_runs(Some(&self.spec.name)).await?.into_iter().take(RUNS) {
            let found = self.database.run_view(run.id.as_str()).await?;
            if let (Some(StopReason::Success), Some(version)) = (found.stop, found.incumbent) {
                let is_new = view.last_good.as_ref() != Some(&version);
                let origin = format!("{} kept its promise", run.id);
                return Ok(is_new.then_some(Prospect { version, origin, to }).into_iter().collect());
            }
        }
        Ok(Vec::new())
    }

    async fn done(&self, order: Order) -> Result<(), CliError> {
        let client = self.client().await?;
        if order.act == Act::Promote && !rollout::is_going_on(&client, &self.spec.name).await? {
            rollout::begin(&client, self.input().await?).await?;
        }
        let by = who(order.by.as_deref())?;
        let Order { act, version, to, nonce, note, .. } = order;
        let order = match act {
            Act::Demote => rollout::Order::Demote(GivenDemotion { by, note, nonce: Some(nonce) }),
            Act::Promote => rollout::Order::Promote(self.key.sign(self.claim(version, to, by, note, nonce))),
            Act::Approve => rollout::Order::Approve(self.key.sign(self.claim(version, to, by, note, nonce))),
            Act::Decline => {
                let claim = self.claim(version, to, by, note, nonce);
                rollout::Order::Reject(self.key.sign(ReleaseClaim { approved: false, ..claim }))
            }
        };
        rollout::order(&client, &self.spec.name, order).await.map(|_| ())
    }

    /// A yes about what was looked at.
    fn claim(
        &self,
        version: Digest,
        to: Option<Rung>,
        by: String,
        note: String,
        nonce: String,
    ) -> ReleaseClaim {
        ReleaseClaim { project: self.spec.name.clone(), version, to, approved: true, by, note, nonce }
    }
}

#[async_trait]
impl Steering for Steersman {
    async fn look(&self) -> Result<Outlook, SteerError> {
        let looked = tokio::time::timeout(PATIENCE, self.outlook()).await;
        let late = |_| SteerError::Away("nobody works on it".to_owned());
        looked.map_err(late)?.map_err(|error| SteerError::Away(error.to_string()))
    }

    async fn carry_out(&self, order: Order) -> Result<(), SteerError> {
        let done = tokio::time::timeout(LONG_PATIENCE, self.done(order)).await;
        let late = |_| SteerError::Away("no answer yet; look whether it was done".to_owned());
        done.map_err(late)?.map_err(|error| match error {
            CliError::Refused { reason, .. } => SteerError::Refused(reason),
            other => SteerError::Away(other.to_string()),
        })
    }
}

//! `empiric promote`: brings a version, carries one on, and answers when a rollout asks. Each is signed with the key
//! of the state folder, over what stands at that moment.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use empiric_activities::adapters::database::Database;
use empiric_activities::adapters::signing_key::SigningKey;
use empiric_activities::rollout::RolloutActivities;
use empiric_schema::artifact::Digest;
use empiric_schema::contract::ReleaseClaim;
use empiric_schema::decision::StopReason;
use empiric_schema::rollout::{RolloutView, Rung};
use empiric_schema::spec::ProjectSpec;
use empiric_schema::version::SystemVersion;
use empiric_workflows::rollout::{Books, RolloutInput, Rules, WINDOWS_PER_EXECUTION};
use temporalio_client::Client;

use super::answer::who;
use super::rollout::show;
use super::start;
use crate::cli::{Global, PromoteArgs};
use crate::compose::Session;
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::rollout::{self, Order, begin, view};

pub(super) async fn execute(
    args: &PromoteArgs,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    Rules::of(&spec).map_err(|error| CliError::Argument(error.to_string()))?;
    place.make_state()?;
    let key = SigningKey::open(&place.state)?;
    let database = place.database().await?;
    let session = Session::visit(&global.temporal, place).await?;
    let desk = Desk { args, place, spec: &spec, key: &key, database: &database, client: &session.client };
    let outcome = desk.promote().await;
    let works_here = session.is_working();
    session.close().await;
    show(&outcome?, global);
    if works_here {
        output::talk("`empiric up` watches it where nothing else does");
    }
    Ok(ExitCode::SUCCESS)
}

/// What a `promote` works with.
struct Desk<'a> {
    args: &'a PromoteArgs,
    place: &'a Place,
    spec: &'a ProjectSpec,
    key: &'a SigningKey,
    database: &'a Database,
    client: &'a Client,
}

impl Desk<'_> {
    async fn promote(&self) -> Result<RolloutView, CliError> {
        self.begin().await?;
        let now = view(self.client, &self.spec.name).await?;
        let order = match &now.question {
            Some(asked) if self.args.decline => Order::Reject(self.key.sign(self.claim(
                &now,
                asked.version.clone(),
                Some(asked.to),
                false,
            )?)),
            Some(asked) if self.is_about(&asked.version) && self.args.to.is_none_or(|to| to == asked.to) => {
                Order::Approve(self.key.sign(self.claim(
                    &now,
                    asked.version.clone(),
                    Some(asked.to),
                    true,
                )?))
            }
            _ if self.args.decline => {
                return Err(CliError::Argument("the rollout asks nothing now".to_owned()));
            }
            _ => {
                let version = self.version(&now).await?;
                Order::Promote(self.key.sign(self.claim(&now, version, self.args.to, true)?))
            }
        };
        rollout::order(self.client, &self.spec.name, order).await
    }

    /// Starts the rollout unless it goes on already.
    async fn begin(&self) -> Result<(), CliError> {
        let exposure = self.database.exposure(&self.spec.name).await?;
        let input = RolloutInput {
            spec: self.spec.clone(),
            project_dir: self.place.project.clone(),
            options: start::options(),
            approver_key: self.key.public(),
            windows_per_execution: WINDOWS_PER_EXECUTION,
            books: Books::begin(exposure.map_or(0, |exposure| exposure.revision)),
        };
        begin(self.client, input).await
    }

    fn is_about(&self, version: &Digest) -> bool {
        let named = self.args.version.as_deref();
        self.args.file.is_none() && named.is_none_or(|named| is_named(version, named))
    }

    /// The version that is meant: from a file, by the beginning of its digest, the one on its way, or what the
    /// latest successful run found.
    async fn version(&self, now: &RolloutView) -> Result<Digest, CliError> {
        if let Some(path) = &self.args.file {
            return self.bring(path).await;
        }
        if let Some(named) = &self.args.version {
            return self.named(named).await;
        }
        if let Some(subject) = &now.subject {
            return Ok(subject.version.clone());
        }
        self.latest().await
    }

    /// Keeps a version from a file, so that it can be served.
    async fn bring(&self, path: &std::path::Path) -> Result<Digest, CliError> {
        let file = |source| CliError::File { action: "read", path: path.to_owned(), source };
        let bytes = std::fs::read(path).map_err(file)?;
        let version: SystemVersion = serde_json::from_slice(&bytes)
            .map_err(|error| CliError::Argument(format!("{} is no version: {error}", path.display())))?;
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let label = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let activities = RolloutActivities {
            database: self.database.clone(),
            store: self.place.store()?,
            state: self.place.state.clone(),
            network: self.place.network,
        };
        let kept = activities.release(&self.spec.name, &version, &label, at).await;
        kept.map_err(|error| CliError::Refused { action: "keep the version", reason: error.to_string() })?;
        Ok(version.digest())
    }

    async fn named(&self, named: &str) -> Result<Digest, CliError> {
        let mut found = self.database.servable_digests(&self.spec.name).await?;
        found.retain(|digest| is_named(digest, named));
        match found.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(CliError::Argument(format!("no run of {} has a version `{named}`", self.spec.name))),
            several => Err(CliError::Argument(format!(
                "{} versions begin with `{named}`: name more of it",
                several.len()
            ))),
        }
    }

    async fn latest(&self) -> Result<Digest, CliError> {
        for run in self.database.list_runs(Some(&self.spec.name)).await? {
            let view = self.database.run_view(run.id.as_str()).await?;
            if let (Some(StopReason::Success), Some(version)) = (view.stop, view.incumbent) {
                return Ok(version);
            }
        }
        Err(CliError::Argument(
            "no run has kept the promise yet: name a version, or bring one with --file".to_owned(),
        ))
    }

    fn claim(
        &self,
        now: &RolloutView,
        version: Digest,
        to: Option<Rung>,
        approved: bool,
    ) -> Result<ReleaseClaim, CliError> {
        Ok(ReleaseClaim {
            project: self.spec.name.clone(),
            version,
            to,
            approved,
            by: who(self.args.word.by.as_deref())?,
            note: self.args.word.note.clone().unwrap_or_default(),
            nonce: now.nonce.clone(),
        })
    }
}

/// Whether a digest begins so, with or without `sha256:`.
fn is_named(digest: &Digest, beginning: &str) -> bool {
    digest.hex().starts_with(beginning.trim_start_matches("sha256:"))
}

//! Whether the models of served versions are still there. Their keys are not read here: a server that shows its list
//! only to those who have one is known by what it answers to the gateway.

use std::time::Duration;

use empiric_endpoint::{Client, Patience, TryError};
use empiric_schema::artifact::Digest;
use empiric_schema::contract::{ModelsFound, ModelsRequest, Presence, ServedModel};
use empiric_schema::spec::EndpointSpec;
use empiric_schema::version::SystemVersion;

use super::{RolloutActivities, RolloutActivityError};
use crate::adapters::source::NetworkMode;
use crate::scope::is_listed;

/// The last answers of a version that all have to have failed in the same way.
const LAST_ANSWERS: u64 = 3;
/// How the request log tells of an endpoint that does not have the model: not found, or gone for good.
const NOT_THERE: [&str; 2] = ["status 404", "status 410"];

fn patience() -> Patience {
    Patience {
        tries: 2,
        request: Duration::from_secs(10),
        deadline: Duration::from_secs(20),
        ..Patience::default()
    }
}

impl RolloutActivities {
    /// Looks for the models of versions.
    ///
    /// # Errors
    /// The database does not answer. A server that does not is no error: then nothing is known.
    pub async fn look_for_models(
        &self,
        request: &ModelsRequest,
    ) -> Result<ModelsFound, RolloutActivityError> {
        let mut models = Vec::new();
        for digest in &request.versions {
            let Some(version) = self.database.servable(&request.project, digest).await? else { continue };
            models.push(self.look_for(&request.project, digest, &version).await?);
        }
        Ok(ModelsFound { models, earlier_looks: self.database.earlier_looks(&request.project).await? })
    }

    async fn look_for(
        &self,
        project: &str,
        digest: &Digest,
        version: &SystemVersion,
    ) -> Result<ServedModel, RolloutActivityError> {
        let model = version.model.id().clone();
        let found = |presence| ServedModel { version: digest.clone(), model, presence };
        let Some(endpoint) = version.model.endpoint() else { return Ok(found(Presence::There)) };
        let listed = self.listed(endpoint).await;
        if matches!(listed, Presence::Gone { .. }) {
            return Ok(found(listed));
        }
        let last = self.database.last_problems(project, digest, LAST_ANSWERS).await?;
        let is_refused = |problem: &String| NOT_THERE.iter().any(|status| problem.contains(status));
        let all_refused = last.len() as u64 == LAST_ANSWERS && last.iter().all(is_refused);
        Ok(found(match all_refused {
            true => Presence::Gone { why: format!("its last {LAST_ANSWERS} answers failed: {}", last[0]) },
            false => listed,
        }))
    }

    /// What the server's own list says.
    async fn listed(&self, endpoint: &EndpointSpec) -> Presence {
        let Ok(client) = Client::without_key(endpoint, patience()) else { return Presence::Unknown };
        if self.network == NetworkMode::Offline && !client.address().is_loopback() {
            return Presence::Unknown;
        }
        match client.models().await {
            Ok(known) if is_listed(&endpoint.model, &known) => Presence::There,
            Ok(known) => {
                Presence::Gone { why: format!("{} lists {} others", client.address().host(), known.len()) }
            }
            // The whole server is gone, or only its list is: what it answers tells which.
            Err(error) => match error.last_try().and_then(TryError::status) {
                Some(410) => {
                    Presence::Gone { why: format!("{} says that it is gone", client.address().host()) }
                }
                _ => Presence::Unknown,
            },
        }
    }
}

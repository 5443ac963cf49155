//! What a project serves, and the versions that it may serve.

use empiric_schema::artifact::Digest;
use empiric_schema::db::entity::{exposure, release, rollout, version};
use empiric_schema::exposure::Exposure;
use empiric_schema::rollout::RolloutView;
use empiric_schema::version::SystemVersion;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _,
};

use super::{Store, parse};
use crate::error::GatewayError;

impl Store {
    /// The exposure of a project, if there is one.
    ///
    /// # Errors
    /// The database cannot be read, or has a row of another form.
    pub async fn exposure(&self, project: &str) -> Result<Option<Exposure>, GatewayError> {
        let row = exposure::Entity::find_by_id(project).one(&self.connection).await?;
        row.map(|row| parse("an exposure", row.content)).transpose()
    }

    /// The rollout of a project as it was last written, if there is one.
    ///
    /// # Errors
    /// The database cannot be read, or has a row of another form.
    pub async fn rollout_view(&self, project: &str) -> Result<Option<RolloutView>, GatewayError> {
        let row = rollout::Entity::find_by_id(project).one(&self.connection).await?;
        row.map(|row| parse("a rollout", row.view)).transpose()
    }

    /// The first exposure of a project. One that is there already stays, and is given back.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn expose_first(&self, first: Exposure) -> Result<Exposure, GatewayError> {
        let row = exposure::Model {
            project: first.project.clone(),
            revision: i64::try_from(first.revision).unwrap_or(i64::MAX),
            stage: wire_name(&first)?,
            serving: first.serving.to_string(),
            at: first.at,
            content: serde_json::to_value(&first).map_err(|error| unreadable(&error))?,
        };
        let transaction = self.begin().await?;
        let found = exposure::Entity::find_by_id(&first.project).one(&transaction).await?;
        if let Some(row) = found {
            return parse("an exposure", row.content);
        }
        row.into_active_model().insert(&transaction).await?;
        transaction.commit().await?;
        Ok(first)
    }

    /// A version that may be served, with its name for people.
    ///
    /// # Errors
    /// The database cannot be read, or has a row of another form.
    pub async fn version(
        &self,
        project: &str,
        digest: &Digest,
    ) -> Result<Option<(String, SystemVersion)>, GatewayError> {
        let key = (project.to_owned(), digest.to_string());
        let released = release::Entity::find_by_id(key).one(&self.connection).await?;
        if let Some(row) = released {
            return Ok(Some((row.label, parse("a version", row.content)?)));
        }
        let measured = version::Entity::find().filter(version::Column::Digest.eq(digest.to_string()));
        let measured = measured.order_by_desc(version::Column::RunId).one(&self.connection).await?;
        measured.map(|row| Ok((row.label, parse("a version", row.content)?))).transpose()
    }
}

fn wire_name(exposure: &Exposure) -> Result<String, GatewayError> {
    let name = serde_json::to_value(exposure.stage).map_err(|error| unreadable(&error))?;
    Ok(name.as_str().unwrap_or_default().to_owned())
}

fn unreadable(error: &serde_json::Error) -> GatewayError {
    GatewayError::Row { what: format!("an exposure: {error}") }
}

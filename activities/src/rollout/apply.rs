//! Writing what is served: whole, in one transaction, and never an older revision over a newer one.

use empiric_schema::artifact::Digest;
use empiric_schema::contract::ApplyRequest;
use empiric_schema::db::entity::{exposure, release, rollout};
use empiric_schema::exposure::Exposure;
use empiric_schema::rollout::RolloutView;
use empiric_schema::version::SystemVersion;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{EntityTrait, Set};
use serde::Serialize;
use serde_json::Value;

use super::{RolloutActivities, RolloutActivityError};
use crate::adapters::database::{DatabaseError, WriteTransaction};

impl RolloutActivities {
    /// Writes the exposure with the versions that it names, and the view.
    ///
    /// # Errors
    /// A version is unknown, or the database does not answer.
    pub async fn write(&self, request: &ApplyRequest) -> Result<(), RolloutActivityError> {
        let mut releases = Vec::new();
        for digest in request.exposure.iter().flat_map(Exposure::versions) {
            releases.extend(self.release_of(&request.view.project, digest, request.view.updated).await?);
        }
        let transaction = self.database.begin_write().await?;
        for row in releases {
            keep_release(&transaction, row).await?;
        }
        if let Some(exposure) = &request.exposure {
            replace_exposure(&transaction, exposure).await?;
        }
        replace_view(&transaction, &request.view).await?;
        transaction.commit().await?;
        match &request.exposure {
            Some(exposure) => self.must_stand(exposure).await,
            None => Ok(()),
        }
    }

    /// A gateway that was started before anything was promoted exposes a version of its own.
    async fn must_stand(&self, exposure: &Exposure) -> Result<(), RolloutActivityError> {
        let stands = self.database.exposure(&exposure.project).await?;
        // Times may lose their last digit in JSON.
        match stands.map(|stands| Exposure { at: exposure.at, ..stands }) {
            Some(stands) if stands != *exposure => {
                Err(RolloutActivityError::Superseded { revision: stands.revision, serving: stands.serving })
            }
            _ => Ok(()),
        }
    }

    /// The release of a version that a run measured, unless it is released already.
    async fn release_of(
        &self,
        project: &str,
        digest: &Digest,
        at: f64,
    ) -> Result<Option<release::ActiveModel>, RolloutActivityError> {
        if let Some(row) = self.database.measured(digest).await? {
            return Ok(Some(release::ActiveModel {
                project: Set(project.to_owned()),
                digest: Set(row.digest),
                label: Set(row.label),
                run_id: Set(Some(row.run_id)),
                at: Set(at),
                content: Set(row.content),
            }));
        }
        match self.database.servable(project, digest).await? {
            Some(_) => Ok(None),
            None => Err(RolloutActivityError::UnknownVersion(digest.clone())),
        }
    }

    /// Keeps a version that a person brings, so that it can be served.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn release(
        &self,
        project: &str,
        version: &SystemVersion,
        label: &str,
        at: f64,
    ) -> Result<(), RolloutActivityError> {
        let row = release::ActiveModel {
            project: Set(project.to_owned()),
            digest: Set(version.digest().to_string()),
            label: Set(label.to_owned()),
            run_id: Set(None),
            at: Set(at),
            content: Set(json("releases", version)?),
        };
        let transaction = self.database.begin_write().await?;
        keep_release(&transaction, row).await?;
        Ok(transaction.commit().await?)
    }
}

async fn keep_release(to: &WriteTransaction<'_>, row: release::ActiveModel) -> Result<(), DatabaseError> {
    let key = [release::Column::Project, release::Column::Digest];
    let kept = OnConflict::columns(key).do_nothing().to_owned();
    let written = release::Entity::insert(row).on_conflict(kept).exec_without_returning(&to.statements).await;
    written.map(|_| ()).map_err(|error| to.fault(error))
}

async fn replace_exposure(
    to: &WriteTransaction<'_>,
    exposure: &Exposure,
) -> Result<(), RolloutActivityError> {
    use exposure::Column;
    let row = exposure::ActiveModel {
        project: Set(exposure.project.clone()),
        revision: Set(signed(exposure.revision)),
        stage: Set(exposure.stage.name().to_owned()),
        serving: Set(exposure.serving.to_string()),
        at: Set(exposure.at),
        content: Set(json("exposures", exposure)?),
    };
    let newer = Expr::col((exposure::Entity, Column::Revision)).lt(signed(exposure.revision));
    let replace = OnConflict::column(Column::Project)
        .update_columns([Column::Revision, Column::Stage, Column::Serving, Column::At, Column::Content])
        .action_and_where(newer)
        .to_owned();
    let written =
        exposure::Entity::insert(row).on_conflict(replace).exec_without_returning(&to.statements).await;
    written.map(|_| ()).map_err(|error| to.fault(error).into())
}

async fn replace_view(to: &WriteTransaction<'_>, view: &RolloutView) -> Result<(), RolloutActivityError> {
    use rollout::Column;
    let row = rollout::ActiveModel {
        project: Set(view.project.clone()),
        revision: Set(signed(view.revision)),
        updated: Set(view.updated),
        view: Set(json("rollouts", view)?),
    };
    let replace = OnConflict::column(Column::Project)
        .update_columns([Column::Revision, Column::Updated, Column::View])
        .to_owned();
    let written =
        rollout::Entity::insert(row).on_conflict(replace).exec_without_returning(&to.statements).await;
    written.map(|_| ()).map_err(|error| to.fault(error).into())
}

fn json<T: Serialize>(table: &'static str, value: &T) -> Result<Value, RolloutActivityError> {
    serde_json::to_value(value).map_err(|source| RolloutActivityError::Row { table, source })
}

fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

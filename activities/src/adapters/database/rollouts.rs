//! What is served and how the rollout stands.

use std::collections::BTreeSet;

use empiric_schema::artifact::Digest;
use empiric_schema::contract::EarlierLook;
use empiric_schema::db::entity::{exposure, release, rollout, version};
use empiric_schema::decision::Decision;
use empiric_schema::exposure::Exposure;
use empiric_schema::rollout::RolloutView;
use empiric_schema::version::SystemVersion;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Database, DatabaseError};

impl Database {
    /// What a project serves.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn exposure(&self, project: &str) -> Result<Option<Exposure>, DatabaseError> {
        let row = exposure::Entity::find_by_id(project).one(&self.connection).await;
        let row = row.map_err(|error| self.fault(error))?;
        row.map(|row| self.parse("exposure", row.content)).transpose()
    }

    /// How the rollout of a project stood when it was last written.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn rollout_view(&self, project: &str) -> Result<Option<RolloutView>, DatabaseError> {
        let row = rollout::Entity::find_by_id(project).one(&self.connection).await;
        let row = row.map_err(|error| self.fault(error))?;
        row.map(|row| self.parse("rollout", row.view)).transpose()
    }

    /// A version that may be served: one that was released, or one that a run measured.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn servable(
        &self,
        project: &str,
        digest: &Digest,
    ) -> Result<Option<SystemVersion>, DatabaseError> {
        let key = (project.to_owned(), digest.to_string());
        let released = release::Entity::find_by_id(key).one(&self.connection).await;
        if let Some(row) = released.map_err(|error| self.fault(error))? {
            return self.parse("release", row.content).map(Some);
        }
        let measured = self.measured(digest).await?;
        measured.map(|row| self.parse("version", row.content)).transpose()
    }

    /// Every version of a project that may be served.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn servable_digests(&self, project: &str) -> Result<Vec<Digest>, DatabaseError> {
        let released = release::Entity::find().filter(release::Column::Project.eq(project));
        let released = released.all(&self.connection).await.map_err(|error| self.fault(error))?;
        let mut found: BTreeSet<String> = released.into_iter().map(|row| row.digest).collect();
        for run in self.list_runs(Some(project)).await? {
            let measured = self.versions(&run.id).await?;
            found.extend(measured.into_iter().map(|(_, version)| version.digest().to_string()));
        }
        Ok(found.iter().filter_map(|digest| digest.parse().ok()).collect())
    }

    /// The row of a version that a run measured.
    pub(crate) async fn measured(&self, digest: &Digest) -> Result<Option<version::Model>, DatabaseError> {
        let query = version::Entity::find().filter(version::Column::Digest.eq(digest.to_string()));
        query.one(&self.connection).await.map_err(|error| self.fault(error))
    }

    /// Looks that the runs of a project took at locked test splits.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn earlier_looks(&self, project: &str) -> Result<Vec<EarlierLook>, DatabaseError> {
        let mut looks = Vec::new();
        for run in self.list_runs(Some(project)).await? {
            let view = self.run_view(run.id.as_str()).await?;
            looks.extend(view.decisions.into_iter().filter_map(|record| match record.decision {
                Decision::Gate { candidate, test_data: Some(test_data), .. } => {
                    Some(EarlierLook { test_data, candidate })
                }
                _ => None,
            }));
        }
        Ok(looks)
    }
}

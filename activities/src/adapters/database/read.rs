//! Questions that the command line asks.

use empiric_schema::artifact::Digest;
use empiric_schema::db::entity::{item_result, run, version};
use empiric_schema::id::{ItemId, RunId};
use empiric_schema::job::ItemResult;
use empiric_schema::version::SystemVersion;
use empiric_schema::view::{RunState, RunView, Stage};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Database, DatabaseError};

/// How many ids an ambiguous prefix is answered with.
const SHOWN_CANDIDATES: u64 = 5;

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Its project's name.
    pub project: String,
    /// Where it was.
    pub stage: Stage,
    /// Whether it went on.
    pub state: RunState,
    /// Unix seconds of its start.
    pub started: f64,
    /// Unix seconds of its last record.
    pub updated: f64,
}

impl Database {
    /// All runs, the latest first; of one project if given.
    pub async fn list_runs(&self, project: Option<&str>) -> Result<Vec<RunRow>, DatabaseError> {
        let mut query = run::Entity::find().order_by_desc(run::Column::Started);
        if let Some(project) = project {
            query = query.filter(run::Column::Project.eq(project));
        }
        let rows = query.all(&self.connection).await.map_err(|error| self.fault(error))?;
        rows.into_iter().map(|row| self.run_row(row)).collect()
    }

    /// The run that began last; of one project if given.
    pub async fn latest_run(&self, project: Option<&str>) -> Result<Option<RunId>, DatabaseError> {
        let mut query = run::Entity::find().order_by_desc(run::Column::Started);
        if let Some(project) = project {
            query = query.filter(run::Column::Project.eq(project));
        }
        let row = query.one(&self.connection).await.map_err(|error| self.fault(error))?;
        Ok(row.map(|row| RunId::new(row.id)))
    }

    /// The last recorded view of the run of this id, or of the only run whose id begins so.
    pub async fn run_view(&self, id_or_prefix: &str) -> Result<RunView, DatabaseError> {
        let row = self.find_run(id_or_prefix).await?;
        self.parse("view", row.view)
    }

    /// The answers of a version on a split, in the order of the items file.
    pub async fn item_results(
        &self,
        run: &RunId,
        version: &Digest,
        split: &str,
    ) -> Result<Vec<ItemResult>, DatabaseError> {
        let query = item_result::Entity::find()
            .filter(item_result::Column::RunId.eq(run.as_str()))
            .filter(item_result::Column::Version.eq(version.to_string()))
            .filter(item_result::Column::Split.eq(split))
            .order_by_asc(item_result::Column::Position);
        let rows = query.all(&self.connection).await.map_err(|error| self.fault(error))?;
        Ok(rows.into_iter().map(item_result).collect())
    }

    /// The versions that a run measured, with their labels, in no order.
    pub async fn versions(&self, run: &RunId) -> Result<Vec<(String, SystemVersion)>, DatabaseError> {
        let rows = version::Entity::find()
            .filter(version::Column::RunId.eq(run.as_str()))
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        rows.into_iter().map(|row| Ok((row.label, self.parse("version", row.content)?))).collect()
    }

    async fn find_run(&self, text: &str) -> Result<run::Model, DatabaseError> {
        let exact = run::Entity::find_by_id(text).one(&self.connection).await;
        if let Some(row) = exact.map_err(|error| self.fault(error))? {
            return Ok(row);
        }
        let rows = run::Entity::find()
            .filter(run::Column::Id.starts_with(text))
            .order_by_desc(run::Column::Started)
            .limit(SHOWN_CANDIDATES)
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        one_of(text, rows)
    }

    fn run_row(&self, row: run::Model) -> Result<RunRow, DatabaseError> {
        Ok(RunRow {
            id: RunId::new(row.id),
            project: row.project,
            stage: self.parse("stage", row.stage.into())?,
            state: self.parse("state", row.state.into())?,
            started: row.started,
            updated: row.updated,
        })
    }

    pub(super) fn parse<T: DeserializeOwned>(
        &self,
        what: &str,
        value: serde_json::Value,
    ) -> Result<T, DatabaseError> {
        serde_json::from_value(value).map_err(|error| DatabaseError::Row {
            path: self.path().to_owned(),
            what: format!("{what}: {error}"),
        })
    }
}

fn one_of(text: &str, mut rows: Vec<run::Model>) -> Result<run::Model, DatabaseError> {
    match rows.len() {
        0 => Err(DatabaseError::UnknownRun { text: text.to_owned() }),
        1 => Ok(rows.remove(0)),
        _ => Err(DatabaseError::AmbiguousRun {
            text: text.to_owned(),
            candidates: rows.into_iter().map(|row| row.id).collect(),
        }),
    }
}

fn item_result(row: item_result::Model) -> ItemResult {
    ItemResult {
        id: ItemId::new(row.item),
        position: count(row.position),
        answer: row.answer,
        passed: row.passed,
        harmful: row.harmful,
        reason: row.reason,
        passages: row.passages.and_then(|passages| serde_json::from_value(passages).ok()).unwrap_or_default(),
        calls: Vec::new(),
        prompt_tokens: count(row.prompt_tokens),
        completion_tokens: count(row.completion_tokens),
    }
}

/// Counts are written from unsigned numbers; a negative one in a foreign row reads as none.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

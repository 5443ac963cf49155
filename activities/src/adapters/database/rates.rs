//! How fast this machine's jobs were, for plans.

use std::collections::BTreeMap;

use empiric_schema::db::entity::{item_result, job};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;

use super::{Database, DatabaseError};

/// The answers that the mean length is taken from.
const RECENT_ANSWERS: u64 = 1000;

/// What the jobs of a kind have used on this machine, without those that were answered from records.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rate {
    /// Finished jobs.
    pub jobs: u32,
    /// Tokens read and written.
    pub tokens: u64,
    /// Seconds of device time.
    pub seconds: f64,
}

impl Rate {
    /// Tokens a second; `None` before any time was used.
    pub fn tokens_per_second(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.tokens as f64 / self.seconds)
    }
}

impl Database {
    /// What finished jobs have used, by their kind.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn rates(&self) -> Result<BTreeMap<String, Rate>, DatabaseError> {
        let query = job::Entity::find().filter(job::Column::Reused.eq(false));
        let rows = query.all(&self.connection).await.map_err(|error| self.fault(error))?;
        let mut rates: BTreeMap<String, Rate> = BTreeMap::new();
        for row in rows {
            let rate = rates.entry(row.kind).or_default();
            rate.jobs += 1;
            rate.tokens += u64::try_from(row.prompt_tokens + row.completion_tokens).unwrap_or(0);
            rate.seconds += row.seconds;
        }
        Ok(rates)
    }

    /// Mean tokens of an answer with its prompt, over recent answers; `None` before there are any.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tokens_per_answer(&self) -> Result<Option<f64>, DatabaseError> {
        let query =
            item_result::Entity::find().order_by_desc(item_result::Column::RunId).limit(RECENT_ANSWERS);
        let rows = query.all(&self.connection).await.map_err(|error| self.fault(error))?;
        let tokens: i64 = rows.iter().map(|row| i64::from(row.prompt_tokens + row.completion_tokens)).sum();
        Ok((!rows.is_empty()).then(|| tokens as f64 / rows.len() as f64))
    }
}

//! Rows of what was served, as looks at drift and at models read them.

use empiric_schema::artifact::Digest;
use empiric_schema::contract::GatherRequest;
use empiric_schema::db::entity::{item_result, request_log};
use empiric_schema::job::ServedLine;
use empiric_schema::served::Arm;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Database, DatabaseError};
use crate::rollout::gather::Sample;
use crate::rollout::question;

/// Rows that are read at once.
const PAGE: u64 = 1000;
/// The split that other questions are compared with.
const DEV: &str = "dev";

impl Database {
    /// Takes the next rows behind the sample; whether there may be more.
    pub(crate) async fn sample_served(
        &self,
        of: &GatherRequest,
        sample: &mut Sample,
    ) -> Result<bool, DatabaseError> {
        let rows = request_log::Entity::find()
            .filter(request_log::Column::WorkloadId.eq(of.project.as_str()))
            .filter(request_log::Column::Version.eq(of.version.to_string()))
            .filter(request_log::Column::Sequence.gt(sample.until))
            .filter(request_log::Column::Timestamp.gte(of.since))
            .filter(request_log::Column::Arm.ne(Arm::Shadow.name()))
            .order_by_asc(request_log::Column::Sequence)
            .limit(PAGE)
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        let count = rows.len() as u64;
        for row in rows {
            sample.until = row.sequence;
            if let Some(line) = line(row) {
                sample.take(line);
            }
        }
        Ok(count >= PAGE)
    }

    /// What a version answered on the dev split, by item.
    pub(crate) async fn dev_answers(&self, version: &Digest) -> Result<Vec<(String, String)>, DatabaseError> {
        let rows: Vec<(String, String)> = item_result::Entity::find()
            .select_only()
            .columns([item_result::Column::Item, item_result::Column::Answer])
            .filter(item_result::Column::Version.eq(version.to_string()))
            .filter(item_result::Column::Split.eq(DEV))
            .order_by_asc(item_result::Column::Item)
            .order_by_asc(item_result::Column::RunId)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        // Several runs may have measured the same version; each item counts once.
        let mut rows = rows;
        rows.dedup_by(|next, kept| next.0 == kept.0);
        Ok(rows)
    }

    /// Why the last answers of a version failed, the latest first; empty texts for those that did not.
    pub(crate) async fn last_problems(
        &self,
        project: &str,
        version: &Digest,
        most: u64,
    ) -> Result<Vec<String>, DatabaseError> {
        request_log::Entity::find()
            .select_only()
            .column(request_log::Column::Problem)
            .filter(request_log::Column::WorkloadId.eq(project))
            .filter(request_log::Column::Version.eq(version.to_string()))
            .order_by_desc(request_log::Column::Sequence)
            .limit(most)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))
    }
}

/// A question with its answer; nothing where one of them is no longer kept, or there was none.
fn line(row: request_log::Model) -> Option<ServedLine> {
    let question = question(row.request.as_ref()?).filter(|question| !question.trim().is_empty())?;
    Some(ServedLine { id: row.id, question, answer: row.response? })
}

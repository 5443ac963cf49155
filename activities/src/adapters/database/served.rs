//! Rows of what was served, as a rollout counts them and brings them home.

use std::collections::BTreeMap;

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{Cursor, ObserveRequest};
use empiric_schema::db::entity::{draft, feedback, request_log};
use empiric_schema::served::{Arm, DraftState, Outcome, Thumb};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Database, DatabaseError};
use crate::rollout::tally::{Failed, Seen, Tally};

/// Rows of each table that are read at once.
const PAGE: u64 = 1000;

impl Database {
    /// Counts the next rows of each table behind the cursor; whether there may be more.
    pub(crate) async fn count(
        &self,
        of: &ObserveRequest,
        tally: &mut Tally,
        decided_until: f64,
    ) -> Result<bool, DatabaseError> {
        let requests = self.count_requests(of, tally).await?;
        let drafts = self.count_drafts(of, tally, decided_until).await?;
        let feedback = self.count_feedback(of, tally).await?;
        Ok([requests, drafts, feedback].into_iter().any(|rows| rows as u64 >= PAGE))
    }

    async fn count_requests(&self, of: &ObserveRequest, tally: &mut Tally) -> Result<usize, DatabaseError> {
        let rows = request_log::Entity::find()
            .filter(request_log::Column::WorkloadId.eq(of.project.as_str()))
            .filter(request_log::Column::Version.eq(of.version.to_string()))
            .filter(request_log::Column::Stage.eq(of.stage.name()))
            .filter(request_log::Column::Sequence.gt(tally.cursor.log))
            .filter(request_log::Column::Timestamp.gte(of.since))
            .filter(request_log::Column::Arm.ne(Arm::Shadow.name()))
            .order_by_asc(request_log::Column::Sequence)
            .limit(PAGE)
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        for row in &rows {
            tally.cursor.log = row.sequence;
            tally.see(&Seen { latency_ms: row.latency_ms, usd: row.usd, response: row.response.as_deref() });
            if Outcome::of(&row.outcome) == Some(Outcome::Failed) {
                tally.judge(row.id.clone(), Failed::Yes);
            }
        }
        Ok(rows.len())
    }

    /// Drafts have no sequence of decisions: their time is the cursor, and those of one moment come together.
    async fn count_drafts(
        &self,
        of: &ObserveRequest,
        tally: &mut Tally,
        until: f64,
    ) -> Result<usize, DatabaseError> {
        let rows = draft::Entity::find()
            .filter(draft::Column::Project.eq(of.project.as_str()))
            .filter(draft::Column::Decided.gt(tally.cursor.decided))
            .filter(draft::Column::Decided.lte(until))
            .filter(draft::Column::Version.eq(of.version.to_string()))
            .filter(draft::Column::Stage.eq(of.stage.name()))
            .order_by_asc(draft::Column::Decided)
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        for row in &rows {
            if let Some(failed) = DraftState::of(&row.state).and_then(verdict) {
                tally.judge(row.request_id.clone(), failed);
            }
        }
        tally.cursor.decided = tally.cursor.decided.max(until);
        // All of them were read.
        Ok(0)
    }

    async fn count_feedback(&self, of: &ObserveRequest, tally: &mut Tally) -> Result<usize, DatabaseError> {
        let rows = feedback::Entity::find()
            .filter(feedback::Column::Project.eq(of.project.as_str()))
            .filter(feedback::Column::Version.eq(of.version.to_string()))
            .filter(feedback::Column::Stage.eq(of.stage.name()))
            .filter(feedback::Column::Sequence.gt(tally.cursor.feedback))
            .filter(feedback::Column::At.gte(of.since))
            .order_by_asc(feedback::Column::Sequence)
            .limit(PAGE)
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        let before = self.judged_before(&rows, &tally.began).await?;
        for row in &rows {
            tally.cursor.feedback = row.sequence;
            if let Some(failed) = opinion(row).filter(|failed| is_new(before.get(&row.request_id), *failed)) {
                tally.judge(row.request_id.clone(), failed);
            }
        }
        Ok(rows.len())
    }

    /// What was said in earlier windows about the answers that these rows are about: whether any of it was bad.
    async fn judged_before(
        &self,
        rows: &[feedback::Model],
        began: &Cursor,
    ) -> Result<BTreeMap<String, Failed>, DatabaseError> {
        if rows.is_empty() {
            return Ok(BTreeMap::new());
        }
        let requests = || rows.iter().map(|row| row.request_id.as_str());
        let spoken = feedback::Entity::find()
            .filter(feedback::Column::Sequence.lte(began.feedback))
            .filter(feedback::Column::RequestId.is_in(requests()))
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        let decided = draft::Entity::find()
            .filter(draft::Column::Decided.lte(began.decided))
            .filter(draft::Column::RequestId.is_in(requests()))
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        let spoken = spoken.into_iter().filter_map(|row| Some((opinion(&row)?, row.request_id)));
        let decided = decided
            .into_iter()
            .filter_map(|row| Some((verdict(DraftState::of(&row.state)?)?, row.request_id)));
        let mut before = BTreeMap::new();
        for (failed, request) in spoken.chain(decided) {
            if before.get(&request) != Some(&Failed::Yes) {
                before.insert(request, failed);
            }
        }
        Ok(before)
    }

    /// Decided drafts of a version, the earliest first.
    pub(crate) async fn decided_drafts(
        &self,
        project: &str,
        version: &Digest,
    ) -> Result<Vec<draft::Model>, DatabaseError> {
        let query = draft::Entity::find()
            .filter(draft::Column::Project.eq(project))
            .filter(draft::Column::Version.eq(version.to_string()))
            .filter(draft::Column::Decided.is_not_null())
            .order_by_asc(draft::Column::Decided);
        query.all(&self.connection).await.map_err(|error| self.fault(error))
    }

    /// What was said about answers of a version, the earliest first, with the requests where they are kept.
    pub(crate) async fn feedback_with_requests(
        &self,
        project: &str,
        version: &Digest,
    ) -> Result<Vec<(feedback::Model, Option<request_log::Model>)>, DatabaseError> {
        let rows = feedback::Entity::find()
            .filter(feedback::Column::Project.eq(project))
            .filter(feedback::Column::Version.eq(version.to_string()))
            .order_by_asc(feedback::Column::Sequence)
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let request = request_log::Entity::find()
                .filter(request_log::Column::Id.eq(row.request_id.as_str()))
                .one(&self.connection)
                .await
                .map_err(|error| self.fault(error))?;
            found.push((row, request));
        }
        Ok(found)
    }
}

/// One answer is one trial, but for a failure that comes to light after somebody found it good: that is never lost.
fn is_new(before: Option<&Failed>, now: Failed) -> bool {
    match (before, now) {
        (None, _) | (Some(Failed::No), Failed::Yes) => true,
        (Some(_), _) => false,
    }
}

/// What a decision about a draft says of it. One that nobody looked at in time says nothing.
fn verdict(state: DraftState) -> Option<Failed> {
    match state {
        DraftState::Approved => Some(Failed::No),
        DraftState::Edited | DraftState::Rejected => Some(Failed::Yes),
        DraftState::Pending | DraftState::Expired => None,
    }
}

/// What a reader's words say of an answer. A note alone says nothing that could be counted.
fn opinion(row: &feedback::Model) -> Option<Failed> {
    let thumb = row.thumb.as_deref().and_then(Thumb::of);
    match (thumb, &row.correction) {
        (Some(Thumb::Down), _) | (_, Some(_)) => Some(Failed::Yes),
        (Some(Thumb::Up), None) => Some(Failed::No),
        (None, None) => None,
    }
}

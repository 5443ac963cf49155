//! Rows of what was served, as a rollout counts them and brings them home.

use std::collections::BTreeMap;

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{Cursor, ObserveRequest};
use empiric_schema::db::entity::{draft, feedback, request_log};
use empiric_schema::served::{Arm, DraftState, Outcome, Thumb};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Database, DatabaseError};
use crate::rollout::RolloutActivityError;
use crate::rollout::grading::Grading;
use crate::rollout::tally::{Failed, Graded, Known, Said, Seen, Tally};

/// Rows of each table that are read at once.
const PAGE: u64 = 1000;

impl Database {
    /// Counts the next rows of each table behind the cursor; whether there may be more.
    pub(crate) async fn count(
        &self,
        of: &ObserveRequest,
        grading: Option<&Grading>,
        tally: &mut Tally,
        decided_until: f64,
    ) -> Result<bool, RolloutActivityError> {
        let requests = self.count_requests(of, grading, tally).await?;
        let drafts = self.count_drafts(of, tally, decided_until).await?;
        let feedback = self.count_feedback(of, grading, tally).await?;
        Ok([requests, drafts, feedback].into_iter().any(|rows| rows as u64 >= PAGE))
    }

    async fn count_requests(
        &self,
        of: &ObserveRequest,
        grading: Option<&Grading>,
        tally: &mut Tally,
    ) -> Result<usize, RolloutActivityError> {
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
                tally.judge(&row.id, Failed::Yes);
            }
            if let Some(grade) = grading.map(|grading| grading.grade(row)).transpose()?.flatten() {
                tally.grade(&row.id, grade);
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
            if let Some(said) = DraftState::of(&row.state).and_then(decision) {
                tally.hear(&row.request_id, said, Known::default());
            }
        }
        tally.cursor.decided = tally.cursor.decided.max(until);
        // All of them were read.
        Ok(0)
    }

    async fn count_feedback(
        &self,
        of: &ObserveRequest,
        grading: Option<&Grading>,
        tally: &mut Tally,
    ) -> Result<usize, RolloutActivityError> {
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
        let graded = self.graded(of, grading, &rows, tally).await?;
        for row in &rows {
            tally.cursor.feedback = row.sequence;
            if let Some(said) = opinion(row) {
                let graded = graded.get(&row.request_id).copied().unwrap_or_default();
                tally.hear(
                    &row.request_id,
                    said,
                    Known { said: before.get(&row.request_id).copied(), ..graded },
                );
            }
        }
        Ok(rows.len())
    }

    /// What checks found of the answers that these rows are about: the checks are run again, which is cheaper than
    /// keeping what they found.
    async fn graded(
        &self,
        of: &ObserveRequest,
        grading: Option<&Grading>,
        rows: &[feedback::Model],
        tally: &Tally,
    ) -> Result<BTreeMap<String, Known>, RolloutActivityError> {
        let Some(grading) = grading else { return Ok(BTreeMap::new()) };
        let asked = rows.iter().map(|row| row.request_id.as_str()).filter(|request| grading.takes(request));
        let answers = self.answers_of(of, asked, tally.cursor.log).await?;
        let mut found = BTreeMap::new();
        for row in answers {
            if let Some(grade) = grading.grade(&row)? {
                found.insert(row.id.clone(), known(grade, row.sequence, &tally.began));
            }
        }
        Ok(found)
    }

    /// Requests by their ids, of those that were counted for the version where it stands.
    async fn answers_of(
        &self,
        of: &ObserveRequest,
        requests: impl Iterator<Item = &str>,
        until: i64,
    ) -> Result<Vec<request_log::Model>, DatabaseError> {
        request_log::Entity::find()
            .filter(request_log::Column::Id.is_in(requests))
            .filter(request_log::Column::WorkloadId.eq(of.project.as_str()))
            .filter(request_log::Column::Version.eq(of.version.to_string()))
            .filter(request_log::Column::Stage.eq(of.stage.name()))
            .filter(request_log::Column::Timestamp.gte(of.since))
            .filter(request_log::Column::Sequence.lte(until))
            .filter(request_log::Column::Arm.ne(Arm::Shadow.name()))
            .all(&self.connection)
            .await
            .map_err(|error| self.fault(error))
    }

    /// What was said in earlier windows about the answers that these rows are about: whether any of it was bad.
    async fn judged_before(
        &self,
        rows: &[feedback::Model],
        began: &Cursor,
    ) -> Result<BTreeMap<String, Said>, DatabaseError> {
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
            .filter_map(|row| Some((decision(DraftState::of(&row.state)?)?, row.request_id)));
        let mut before = BTreeMap::new();
        for (said, request) in spoken.chain(decided) {
            let known = before.entry(request).or_insert(said);
            known.harmful |= said.harmful;
            if said.failed == Failed::Yes {
                known.failed = Failed::Yes;
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

/// What checks found, and when.
fn known(grade: Graded, sequence: i64, began: &Cursor) -> Known {
    match sequence <= began.log {
        true => Known { graded_before: Some(grade), ..Known::default() },
        false => Known { graded_now: Some(grade), ..Known::default() },
    }
}

/// What a decision about a draft says of it. One that nobody looked at in time says nothing.
fn decision(state: DraftState) -> Option<Said> {
    let failed = match state {
        DraftState::Approved => Failed::No,
        DraftState::Edited | DraftState::Rejected => Failed::Yes,
        DraftState::Pending | DraftState::Expired => return None,
    };
    Some(Said { failed, harmful: false })
}

/// What a reader's words say of an answer: what does harm has failed. A note alone says nothing that could be
/// counted.
fn opinion(row: &feedback::Model) -> Option<Said> {
    let thumb = row.thumb.as_deref().and_then(Thumb::of);
    let harmful = row.harmful == Some(true);
    let failed = match (thumb, &row.correction) {
        _ if harmful => Failed::Yes,
        (Some(Thumb::Down), _) | (_, Some(_)) => Failed::Yes,
        (Some(Thumb::Up), None) => Failed::No,
        (None, None) => return None,
    };
    Some(Said { failed, harmful })
}

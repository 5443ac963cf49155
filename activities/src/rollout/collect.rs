//! Bringing failures of a version home: rows become failures, failures become items.

use std::collections::BTreeMap;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::{CollectRequest, Collected, JoinedItems};
use empiric_schema::data::{Item, read_items, write_items};
use empiric_schema::db::entity::{draft, feedback, request_log};
use empiric_schema::served::{DraftState, Thumb};
use serde_json::Value;

use super::harvest::{Failure, by_split, harvest};
use super::preferences::{self, Origin, Pair};
use super::{RolloutActivities, RolloutActivityError};

pub(super) const JSONL: &str = "application/jsonl";

type Feedback = (feedback::Model, Option<request_log::Model>);

impl RolloutActivities {
    /// Makes items and preferences of what failed.
    ///
    /// # Errors
    /// Rows or data do not read, or the version to start from is unknown.
    pub async fn bring_home(&self, request: &CollectRequest) -> Result<Collected, RolloutActivityError> {
        let CollectRequest { project, version, start, .. } = request;
        let drafts = self.database.decided_drafts(project, version).await?;
        let feedback = self.database.feedback_with_requests(project, version).await?;
        let (known, test) = (self.known(request).await?, self.items(&request.frozen.test.items).await?);
        let found = harvest(&failures(&drafts, &feedback), &known, &test);
        let pairs = pairs(&drafts, &feedback);
        let started = self.database.servable(project, start).await?;
        let items = found.items.len() as u32;
        let mut joined = Vec::new();
        for (split, items) in by_split(found.items).into_values() {
            let count = items.len() as u32;
            let items = self.store.put_bytes(write_items(&items), JSONL).await?;
            joined.push(JoinedItems { split, items, count });
        }
        Ok(Collected {
            joined,
            items,
            unanswered: found.unanswered,
            known: found.known,
            like_test: found.like_test,
            preferences: self.keep_pairs(&pairs).await?,
            pairs: pairs.len() as u32,
            start: started.ok_or_else(|| RolloutActivityError::UnknownVersion(start.clone()))?,
            earlier_looks: self.database.earlier_looks(project).await?,
        })
    }

    /// Items that are in the data already, those from production included.
    async fn known(&self, request: &CollectRequest) -> Result<Vec<Item>, RolloutActivityError> {
        let splits = request.frozen.train.iter().chain([&request.frozen.dev]).map(|split| &split.items);
        let mut known = Vec::new();
        for artifact in splits.chain(request.joined.iter().map(|joined| &joined.items)) {
            known.extend(self.items(artifact).await?);
        }
        Ok(known)
    }

    async fn items(&self, artifact: &ArtifactRef) -> Result<Vec<Item>, RolloutActivityError> {
        let bytes = self.store.get_bytes(artifact).await?;
        read_items(artifact.digest.short(), &bytes).map_err(RolloutActivityError::Data)
    }

    async fn keep_pairs(&self, pairs: &[Pair]) -> Result<Option<ArtifactRef>, RolloutActivityError> {
        if pairs.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.keep_lines("preferences", pairs).await?))
    }
}

/// One failure a request; the last word about the right answer counts.
fn failures(drafts: &[draft::Model], feedback: &[Feedback]) -> Vec<Failure> {
    let mut failures: BTreeMap<String, Failure> = BTreeMap::new();
    let all = drafts.iter().filter_map(of_draft).chain(feedback.iter().filter_map(of_feedback));
    for failure in all {
        match failures.get_mut(&failure.request) {
            Some(before) => before.expected = failure.expected.or_else(|| before.expected.take()),
            None => drop(failures.insert(failure.request.clone(), failure)),
        }
    }
    failures.into_values().collect()
}

fn of_draft(row: &draft::Model) -> Option<Failure> {
    let expected = match DraftState::of(&row.state)? {
        DraftState::Edited => row.given.clone(),
        DraftState::Rejected => None,
        DraftState::Approved | DraftState::Expired | DraftState::Pending => return None,
    };
    Some(Failure {
        request: row.request_id.clone(),
        stage: row.stage.clone(),
        version: row.version.clone(),
        input: row.input.clone(),
        expected,
    })
}

fn of_feedback((row, request): &Feedback) -> Option<Failure> {
    let is_down = row.thumb.as_deref().and_then(Thumb::of) == Some(Thumb::Down);
    if !is_down && row.correction.is_none() {
        return None;
    }
    Some(Failure {
        request: row.request_id.clone(),
        stage: row.stage.clone(),
        version: row.version.clone(),
        input: question(request.as_ref()?.request.as_ref()?)?,
        expected: row.correction.clone(),
    })
}

fn pairs(drafts: &[draft::Model], feedback: &[Feedback]) -> Vec<Pair> {
    let corrected = |(row, request): &Feedback| {
        let request = request.as_ref()?;
        let (prompt, said) = (question(request.request.as_ref()?)?, request.response.as_deref()?);
        let from = Origin { id: &row.request_id, version: &row.version, digest: None };
        preferences::pair(&prompt, row.correction.as_deref()?, said, from)
    };
    let mut pairs = preferences::of_drafts(drafts);
    pairs.extend(feedback.iter().filter_map(corrected));
    pairs
}

/// The last thing that the user said, in a body of chat completions.
pub(crate) fn question(body: &Value) -> Option<String> {
    let messages = body.get("messages")?.as_array()?;
    let last = messages.iter().rev().find(|message| message["role"] == "user")?;
    match &last["content"] {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part["text"].as_str()).collect()),
        _ => None,
    }
}

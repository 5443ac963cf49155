//! Decisions about drafts: each once, by a reviewer, about exactly what was shown.

use empiric_schema::artifact::Digest;
use empiric_schema::db::entity::draft;
use empiric_schema::served::DraftState;

use crate::clock;
use crate::error::GatewayError;
use crate::gateway::Gateway;
use crate::keys::Caller;
use crate::store::Decision;

/// What a reviewer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give it out as it is.
    Approve,
    /// Give this out in its place.
    Edit(String),
    /// Give nothing out.
    Reject,
}

/// Why a decision is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReviewError {
    #[error("there is no such draft")]
    Unknown,
    #[error("the draft is not the one that was looked at")]
    Changed,
    #[error("somebody has decided already: {0}")]
    Decided(String),
    #[error("an edited answer needs a text")]
    Empty,
    #[error("who asked does not approve: another reviewer has to decide")]
    OwnRequest,
    #[error("the decision could not be written")]
    Database(#[from] GatewayError),
}

/// What a decision is bound to.
pub(crate) fn draft_digest(project: &str, version: &str, input: &str, answer: &str) -> String {
    let parts = [project, version, input, answer];
    Digest::of(&serde_json::to_vec(&parts).unwrap_or_default()).to_string()
}

/// Takes a decision about the draft that has this digest.
pub(crate) async fn decide(
    gateway: &Gateway,
    reviewer: &Caller,
    id: &str,
    digest: &str,
    verdict: Verdict,
    note: Option<String>,
) -> Result<draft::Model, ReviewError> {
    let shared = &gateway.shared;
    let draft = shared.store.draft(&shared.settings.project, id).await?.ok_or(ReviewError::Unknown)?;
    check(&draft, reviewer, digest, &verdict)?;
    let (state, given) = match verdict {
        Verdict::Approve => (DraftState::Approved, Some(draft.answer.clone())),
        Verdict::Edit(text) if text.trim() == draft.answer => {
            (DraftState::Approved, Some(draft.answer.clone()))
        }
        Verdict::Edit(text) => (DraftState::Edited, Some(text.trim().to_owned())),
        Verdict::Reject => (DraftState::Rejected, None),
    };
    let mut decision = Decision {
        state,
        by: reviewer.name.clone(),
        at: clock::now(),
        given,
        note,
        signature: String::new(),
    };
    decision.signature = shared.seal.sign(&signed(&draft, &decision).each_ref().map(String::as_str));
    if !shared.store.decide(id, &decision).await? {
        return Err(decided(shared.store.draft(&shared.settings.project, id).await?));
    }
    shared.store.call_back(id).await?;
    shared.decided.notify_waiters();
    Ok(decided_draft(draft, decision))
}

fn check(
    draft: &draft::Model,
    reviewer: &Caller,
    digest: &str,
    verdict: &Verdict,
) -> Result<(), ReviewError> {
    if DraftState::of(&draft.state) != Some(DraftState::Pending) {
        return Err(decided(Some(draft.clone())));
    }
    if draft.digest != digest {
        return Err(ReviewError::Changed);
    }
    if draft.api_key == reviewer.name && !reviewer.is_local {
        return Err(ReviewError::OwnRequest);
    }
    match verdict {
        Verdict::Edit(text) if text.trim().is_empty() => Err(ReviewError::Empty),
        _ => Ok(()),
    }
}

fn decided(draft: Option<draft::Model>) -> ReviewError {
    match draft {
        Some(draft) => ReviewError::Decided(format!(
            "{} by {}",
            draft.state,
            draft.decided_by.as_deref().unwrap_or("nobody")
        )),
        None => ReviewError::Unknown,
    }
}

/// Gives nothing out, because nobody decided in time.
pub(crate) async fn expire(gateway: &Gateway, draft: draft::Model) -> Result<(), GatewayError> {
    let mut decision = Decision {
        state: DraftState::Expired,
        by: "deadline".to_owned(),
        at: clock::now(),
        given: None,
        note: None,
        signature: String::new(),
    };
    decision.signature = gateway.shared.seal.sign(&signed(&draft, &decision).each_ref().map(String::as_str));
    if gateway.shared.store.decide(&draft.id, &decision).await? {
        gateway.shared.store.call_back(&draft.id).await?;
        gateway.shared.decided.notify_waiters();
    }
    Ok(())
}

/// Whether a decided draft's signature holds for what its row says.
pub(crate) fn is_genuine(gateway: &Gateway, draft: &draft::Model) -> bool {
    let (Some(state), Some(by), Some(at), Some(signature)) =
        (DraftState::of(&draft.state), &draft.decided_by, draft.decided, &draft.signature)
    else {
        return false;
    };
    let (given, note, by) = (draft.given.clone(), draft.note.clone(), by.clone());
    let decision = Decision { state, by, at, given, note, signature: String::new() };
    let parts = signed(draft, &decision);
    gateway.shared.seal.is_genuine(&parts.each_ref().map(String::as_str), signature)
}

fn signed(draft: &draft::Model, decision: &Decision) -> [String; 7] {
    [
        draft.id.clone(),
        draft.digest.clone(),
        decision.state.name().to_owned(),
        decision.by.clone(),
        format!("{:.6}", decision.at),
        decision.given.clone().unwrap_or_default(),
        decision.note.clone().unwrap_or_default(),
    ]
}

fn decided_draft(draft: draft::Model, decision: Decision) -> draft::Model {
    draft::Model {
        state: decision.state.name().to_owned(),
        decided: Some(decision.at),
        decided_by: Some(decision.by),
        given: decision.given,
        note: decision.note,
        signature: Some(decision.signature),
        ..draft
    }
}

//! Pairs of a better and a worse answer to one question, as preference learning takes them. Pure.

use std::collections::BTreeMap;

use empiric_schema::data::splits::normalise;
use empiric_schema::db::entity::draft;
use empiric_schema::served::DraftState;
use serde::Serialize;

/// A line of the preferences file, in TRL's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Pair {
    pub(super) prompt: String,
    pub(super) chosen: String,
    pub(super) rejected: String,
    /// The draft or the request that it comes from.
    pub(super) origin: String,
    /// Digest of the version that gave the worse answer.
    pub(super) version: String,
    /// Digest of what a person decided about, where it was a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
}

/// Where a pair comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) id: &'a str,
    pub(super) version: &'a str,
    pub(super) digest: Option<&'a str>,
}

impl<'a> Origin<'a> {
    fn of(row: &'a draft::Model) -> Self {
        Self { id: &row.id, version: &row.version, digest: Some(&row.digest) }
    }
}

/// Pairs from drafts: what a person made of a draft beats the draft, and an approved draft beats a refused one to the
/// same question.
pub(super) fn of_drafts(drafts: &[draft::Model]) -> Vec<Pair> {
    let edited = drafts.iter().filter_map(edit);
    edited.chain(approvals(drafts)).collect()
}

fn edit(row: &draft::Model) -> Option<Pair> {
    let given = row.given.as_ref().filter(|_| DraftState::of(&row.state) == Some(DraftState::Edited))?;
    pair(&row.input, given, &row.answer, Origin::of(row))
}

fn approvals(drafts: &[draft::Model]) -> Vec<Pair> {
    let in_state = |state| drafts.iter().filter(move |row| DraftState::of(&row.state) == Some(state));
    let refused: BTreeMap<String, &draft::Model> =
        in_state(DraftState::Rejected).map(|row| (normalise(&row.input), row)).collect();
    let beaten = |row: &draft::Model| {
        let worse = refused.get(&normalise(&row.input))?;
        pair(&row.input, &row.answer, &worse.answer, Origin::of(row))
    };
    in_state(DraftState::Approved).filter_map(beaten).collect()
}

/// A pair, unless both answers are the same.
pub(super) fn pair(prompt: &str, chosen: &str, rejected: &str, origin: Origin<'_>) -> Option<Pair> {
    (chosen.trim() != rejected.trim()).then(|| Pair {
        prompt: prompt.to_owned(),
        chosen: chosen.to_owned(),
        rejected: rejected.to_owned(),
        origin: origin.id.to_owned(),
        version: origin.version.to_owned(),
        digest: origin.digest.map(str::to_owned),
    })
}

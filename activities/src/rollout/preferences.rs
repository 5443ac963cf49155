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
    /// Where it comes from.
    pub(super) origin: String,
}

/// Pairs from drafts: what a person made of a draft beats the draft, and an approved draft beats a refused one to the
/// same question.
pub(super) fn of_drafts(drafts: &[draft::Model]) -> Vec<Pair> {
    let edited = drafts.iter().filter_map(edit);
    edited.chain(approvals(drafts)).collect()
}

fn edit(row: &draft::Model) -> Option<Pair> {
    let given = row.given.as_ref().filter(|_| DraftState::of(&row.state) == Some(DraftState::Edited))?;
    pair(&row.input, given, &row.answer, &row.id)
}

fn approvals(drafts: &[draft::Model]) -> Vec<Pair> {
    let in_state = |state| drafts.iter().filter(move |row| DraftState::of(&row.state) == Some(state));
    let refused: BTreeMap<String, &draft::Model> =
        in_state(DraftState::Rejected).map(|row| (normalise(&row.input), row)).collect();
    let beaten = |row: &draft::Model| {
        let worse = refused.get(&normalise(&row.input))?;
        pair(&row.input, &row.answer, &worse.answer, &row.id)
    };
    in_state(DraftState::Approved).filter_map(beaten).collect()
}

/// A pair, unless both answers are the same.
pub(super) fn pair(prompt: &str, chosen: &str, rejected: &str, origin: &str) -> Option<Pair> {
    (chosen.trim() != rejected.trim()).then(|| Pair {
        prompt: prompt.to_owned(),
        chosen: chosen.to_owned(),
        rejected: rejected.to_owned(),
        origin: origin.to_owned(),
    })
}

//! What people may decide: bringing a version, carrying it on, saying yes or no when asked, stepping back.
//!
//! Checks and changes are apart, so that an update's validator refuses exactly what its handler would.

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{GivenDemotion, LONGEST_NOTE, ReleaseClaim};
use empiric_schema::rollout::{PromotionQuestion, Rung};
use empiric_schema::spec::Approver;

use super::rules::Rules;
use super::state::{RolloutState, Subject};
use super::step::Back;

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nobody stands behind it.
    #[error("nobody is named: every order is somebody's")]
    Nameless,
    /// Too many words.
    #[error("the text has {bytes} bytes, and {LONGEST_NOTE} is the most")]
    Long {
        /// Its length.
        bytes: usize,
    },
    /// Nothing is served.
    #[error("no version is exposed yet: `empiric promote` brings one")]
    Nothing,
    /// No question is open, or another one.
    #[error("nobody is asked about {} at {to}", version.short())]
    NotAsked {
        /// The version of the claim.
        version: Digest,
        /// Its rung, in words.
        to: String,
    },
    /// The spec has no such step.
    #[error("`project.yaml` has no step `{rung}`; its steps are {known}")]
    NoSuchRung {
        /// What was asked for.
        rung: Rung,
        /// What there is.
        known: String,
    },
    /// It is there already.
    #[error("{} stands at {rung} already", version.short())]
    AlreadyThere {
        /// The version.
        version: Digest,
        /// Where.
        rung: Rung,
    },
    /// There is no further step.
    #[error("{} is at full exposure already", version.short())]
    AtTheTop {
        /// The version.
        version: Digest,
    },
    /// Fewer would be nobody.
    #[error("{} is at the first step and no other version kept its promise: there is nothing to step back to", version.short())]
    AtTheBottom {
        /// The version.
        version: Digest,
    },
    /// Who asked for it may not let more people see it.
    #[error("{by} asked for the release of {}, and `approver: other` has somebody else approve it", version.short())]
    OwnRequest {
        /// The version.
        version: Digest,
        /// Who.
        by: String,
    },
    /// A version that nobody has seen would be seen by one person's word.
    #[error(
        "with `approver: other` a version begins at {first}, and somebody else than {by} brings it further"
    )]
    AtOnce {
        /// The first step.
        first: Rung,
        /// Who.
        by: String,
    },
    /// Something has changed since.
    #[error("something has changed since: look again")]
    Stale,
    /// No question about a model is open.
    #[error("nobody is asked about a model: none that is served is known to go")]
    NoModelGoes,
    /// A yes in a no, or the other way round.
    #[error("the claim says {said}, and the order is the other")]
    Contrary {
        /// `yes` or `no`.
        said: &'static str,
    },
}

/// Where a `promote` leads.
///
/// # Errors
/// The claim is no yes, has no name, or names no place where the version could go.
pub(super) fn promoted(
    rules: &Rules,
    state: &RolloutState,
    claim: &ReleaseClaim,
) -> Result<usize, OrderError> {
    says(claim, true)?;
    let here = state.subject.as_ref().filter(|subject| subject.version == claim.version);
    let place = match (claim.to, here) {
        (Some(rung), _) => rules.place(rung).ok_or_else(|| no_such(rules, rung))?,
        (None, Some(subject)) if subject.place < rules.top() => subject.place + 1,
        (None, Some(subject)) => return Err(OrderError::AtTheTop { version: subject.version.clone() }),
        (None, None) => rules.entry(state.last_good.as_ref()),
    };
    match here {
        Some(subject) if subject.place == place => {
            Err(OrderError::AlreadyThere { version: subject.version.clone(), rung: rules.rung(place) })
        }
        _ => by_another(rules, here, claim, place).map(|()| place),
    }
}

/// Where the spec says so, it takes two people until users see a version: one who asks and another who approves.
fn by_another(
    rules: &Rules,
    here: Option<&Subject>,
    claim: &ReleaseClaim,
    place: usize,
) -> Result<(), OrderError> {
    match here {
        None if rules.approver == Approver::Other && place > 0 => {
            Err(OrderError::AtOnce { first: rules.rung(0), by: claim.by.clone() })
        }
        Some(subject) if place > subject.place => by_another_than(rules, subject, claim),
        _ => Ok(()),
    }
}

fn by_another_than(rules: &Rules, subject: &Subject, claim: &ReleaseClaim) -> Result<(), OrderError> {
    match rules.approver.allows(subject.requester.as_deref(), &claim.by) {
        true => Ok(()),
        false => Err(OrderError::OwnRequest { version: subject.version.clone(), by: claim.by.clone() }),
    }
}

/// The subject after a `promote`. A person's word also lets a version go on that has fallen before. Who brought it
/// has asked for its release.
pub(super) fn promote(state: &mut RolloutState, claim: &ReleaseClaim, place: usize, now: f64) {
    let here = state.subject.as_ref().filter(|subject| subject.version == claim.version);
    let requester = here.map_or_else(|| Some(claim.by.clone()), |subject| subject.requester.clone());
    state.put(Subject { requester, ..Subject::at(claim.version.clone(), place, now) });
}

/// Whether a yes or a no answers the open question; the question.
///
/// # Errors
/// No question is open, it is about something else, nobody is named, or who asked for the release says yes.
pub(super) fn answered<'a>(
    rules: &Rules,
    state: &'a RolloutState,
    claim: &ReleaseClaim,
    approved: Approved,
) -> Result<&'a PromotionQuestion, OrderError> {
    says(claim, approved == Approved::Yes)?;
    let asked = state.question.as_ref();
    let asked = asked.filter(|asked| asked.version == claim.version && claim.to == Some(asked.to));
    if let (Approved::Yes, Some(_), Some(subject)) = (approved, asked, &state.subject) {
        by_another_than(rules, subject, claim)?;
    }
    asked.ok_or_else(|| OrderError::NotAsked {
        version: claim.version.clone(),
        to: claim.to.map_or_else(|| "no step".to_owned(), |rung| rung.to_string()),
    })
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approved {
    /// More people may see it.
    Yes,
    /// It stays where it is.
    No,
}

/// After a no, as much again has to be judged before it is asked again.
pub(super) fn decline(state: &mut RolloutState, now: f64) {
    if let Some(subject) = state.subject.take() {
        let again = Subject { cursor: subject.cursor, ..subject.moved(subject.place, now) };
        state.put(again);
    }
}

/// Where a `demote` leads.
///
/// # Errors
/// Nobody is named, nothing is exposed, or there is nothing to step back to.
pub(super) fn demoted(
    rules: &Rules,
    state: &RolloutState,
    given: &GivenDemotion,
) -> Result<Back, OrderError> {
    named(&given.by, &given.note)?;
    let subject = state.subject.as_ref().ok_or(OrderError::Nothing)?;
    let good = state.last_good.as_ref().filter(|good| **good != subject.version);
    match (good, rules.stage_before(subject.place)) {
        (Some(good), _) => Ok(Back::ToGood(good.clone())),
        (None, Some(place)) => Ok(Back::ToPlace(place)),
        (None, None) => Err(OrderError::AtTheBottom { version: subject.version.clone() }),
    }
}

/// Steps back, whoever decided it. A version that falls below full exposure is no version to go back to.
pub(super) fn step_back(rules: &Rules, state: &mut RolloutState, back: Back, now: f64) {
    let Some(subject) = state.subject.take() else { return };
    let subject = match back {
        Back::ToGood(good) => Subject::at(good, rules.top(), now),
        Back::ToPlace(place) => Subject { has_fallen: true, ..subject.moved(place, now) },
    };
    if subject.place < rules.top() && state.last_good.as_ref() == Some(&subject.version) {
        state.last_good = None;
    }
    state.put(subject);
}

fn says(claim: &ReleaseClaim, approved: bool) -> Result<(), OrderError> {
    named(&claim.by, &claim.note)?;
    match claim.approved == approved {
        true => Ok(()),
        false => Err(OrderError::Contrary { said: if claim.approved { "yes" } else { "no" } }),
    }
}

pub(super) fn named(by: &str, note: &str) -> Result<(), OrderError> {
    if by.trim().is_empty() {
        return Err(OrderError::Nameless);
    }
    let bytes = by.len().max(note.len());
    if bytes <= LONGEST_NOTE { Ok(()) } else { Err(OrderError::Long { bytes }) }
}

fn no_such(rules: &Rules, rung: Rung) -> OrderError {
    let known: Vec<String> = rules.ladder.iter().map(|(rung, _)| format!("`{rung}`")).collect();
    OrderError::NoSuchRung { rung, known: known.join(", ") }
}

//! The one function that decides about a window. Everything that it may do by itself without a person's word is
//! to step back, or to go on where the rule of the spec is met.

use empiric_schema::artifact::Digest;
use empiric_schema::evidence::Verdict;

use super::rules::Rules;
use super::state::{RolloutState, Subject};

/// What follows from what was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Nothing changes.
    Hold,
    /// More people see the version.
    Promote {
        /// The next place.
        to: usize,
    },
    /// It has kept its promise at full exposure: it is the version to go back to.
    Settle,
    /// A person is asked whether more people may see it.
    AskPerson {
        /// The next place.
        to: usize,
    },
    /// Fewer people see it.
    Demote(Back),
    /// It breaks its promise, and there is nothing to step back to.
    Stuck,
}

/// Where a version that breaks its promise goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// The version that kept it answers again.
    ToGood(Digest),
    /// It goes on where fewer people see it.
    ToPlace(usize),
}

/// A decision with its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What.
    pub act: Move,
    /// Why, in a sentence.
    pub why: String,
}

/// What follows from where the rollout stands, the last window counted.
///
/// The order is that of safety: a broken promise first, then a missing one, then what was earned.
pub fn rollout_step(rules: &Rules, state: &RolloutState) -> Ruling {
    let Some(subject) = &state.subject else {
        return ruling(Move::Hold, "there is no version yet".to_owned());
    };
    match subject.verdict(rules) {
        Verdict::Fail => step_back(rules, state, subject),
        Verdict::Pass if subject.is_sampled(rules) => step_on(rules, state, subject),
        Verdict::Pass | Verdict::Inconclusive => ruling(Move::Hold, not_yet(rules, subject)),
    }
}

fn step_back(rules: &Rules, state: &RolloutState, subject: &Subject) -> Ruling {
    let broken = broken(rules, subject);
    let good = state.last_good.as_ref().filter(|good| **good != subject.version);
    match (good, rules.stage_before(subject.place)) {
        (Some(good), _) => {
            let why = format!("{broken}; the last good version {} answers again", good.short());
            ruling(Move::Demote(Back::ToGood(good.clone())), why)
        }
        (None, Some(place)) => {
            let why = format!("{broken}; it goes back to {}", rules.rung(place));
            ruling(Move::Demote(Back::ToPlace(place)), why)
        }
        (None, None) if subject.is_stuck => ruling(Move::Hold, broken),
        (None, None) => ruling(Move::Stuck, format!("{broken}; there is nothing to step back to")),
    }
}

fn step_on(rules: &Rules, state: &RolloutState, subject: &Subject) -> Ruling {
    let kept = format!("{}, which keeps the promise", counts(rules, subject));
    if subject.place >= rules.top() {
        return match state.is_settled() {
            true => ruling(Move::Hold, kept),
            false => ruling(Move::Settle, format!("{kept} at full exposure")),
        };
    }
    let to = subject.place + 1;
    if state.question.is_some() {
        return ruling(Move::Hold, "a person is asked".to_owned());
    }
    if rules.asks || subject.has_fallen {
        return ruling(Move::AskPerson { to }, kept);
    }
    ruling(Move::Promote { to }, kept)
}

/// What was broken, harm first.
fn broken(rules: &Rules, subject: &Subject) -> String {
    let harm = rules.max_harm_rate.filter(|_| subject.harm_verdict(rules) == Some(Verdict::Fail));
    harm.map_or_else(
        || format!("{}, which breaks the promise", counts(rules, subject)),
        |limit| {
            format!(
                "{} of {} answers did harm at {}, and at most {:.1} % may: the promise about harm is broken",
                subject.harm.failed,
                subject.harm.total(),
                rules.rung(subject.place),
                limit * 100.0
            )
        },
    )
}

fn counts(rules: &Rules, subject: &Subject) -> String {
    format!(
        "{} of {} judged answers failed at {}, and at most {:.0} % may",
        subject.judged.failed,
        subject.judged.total(),
        rules.rung(subject.place),
        rules.monitor.max_failure_rate * 100.0
    )
}

fn not_yet(rules: &Rules, subject: &Subject) -> String {
    let (judged, needed) = (subject.judged.total(), rules.needed(subject.place));
    match judged >= u64::from(needed) {
        true => format!("{}: neither kept nor broken", counts(rules, subject)),
        false => format!("{judged} of {needed} answers were judged at {}", rules.rung(subject.place)),
    }
}

fn ruling(act: Move, why: String) -> Ruling {
    Ruling { act, why }
}

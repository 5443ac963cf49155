//! Which steps of a rollout the page offers. Pure: whether one is taken is decided by the rollout.

use empiric_schema::artifact::Digest;
use empiric_schema::rollout::{RolloutView, Rung, SubjectView};
use serde::Serialize;

use crate::steer::{Act, Outlook};

/// A step that may be taken now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    /// `promote`, `approve`, `decline` or `demote`.
    pub(super) act: &'static str,
    /// The version that it is about.
    pub(super) version: Digest,
    /// Where that would stand, as `STAGE:PERCENT`; empty for a demotion.
    pub(super) to: String,
    /// The same in words.
    pub(super) place: String,
    /// What the button says.
    pub(super) label: String,
    /// What happens, in a sentence.
    pub(super) effect: String,
    /// `primary`, `danger` or nothing.
    pub(super) tone: &'static str,
    #[serde(skip)]
    pub(super) kind: Act,
    #[serde(skip)]
    pub(super) rung: Option<Rung>,
}

/// All of them, the most likely first.
pub(super) fn offered(outlook: &Outlook) -> Vec<Step> {
    let view = &outlook.view;
    let mut steps = answers(view);
    if let Some(subject) = &view.subject {
        if view.question.is_none() {
            steps.extend(onward(view, subject));
        }
        steps.extend(back(view, subject));
    }
    let is_there = |version: &Digest| view.subject.as_ref().is_some_and(|one| one.version == *version);
    let new = outlook.prospects.iter().filter(|prospect| !is_there(&prospect.version));
    steps.extend(new.map(|prospect| {
        let (short, to) = (prospect.version.short(), prospect.to);
        let effect = format!("Version {short} ({}) begins at {to}.", prospect.origin);
        step(Act::Promote, &prospect.version, Some(to), format!("Bring {short} to {to}"), effect, "")
    }));
    steps
}

/// Yes and no to the open question.
fn answers(view: &RolloutView) -> Vec<Step> {
    let Some(asked) = &view.question else { return Vec::new() };
    let (short, from, to) = (asked.version.short(), asked.from, asked.to);
    let yes = format!("Version {short} goes on from {from} to {to}.");
    let no = format!("Version {short} stays at {from}, and as much again is judged before anybody is asked.");
    vec![
        step(Act::Approve, &asked.version, Some(to), format!("Yes: {short} to {to}"), yes, "primary"),
        step(Act::Decline, &asked.version, Some(to), format!("No: {short} stays"), no, ""),
    ]
}

/// Carrying the version on by hand, to any later step.
fn onward(view: &RolloutView, subject: &SubjectView) -> Vec<Step> {
    let later = view.ladder.iter().filter(|rung| **rung > subject.rung);
    let (short, from) = (subject.version.short(), subject.rung);
    let promote = |(at, to): (usize, &Rung)| {
        let effect = format!("Version {short} goes on from {from} to {to}, without waiting for the rule.");
        let tone = if at == 0 { "primary" } else { "" };
        step(Act::Promote, &subject.version, Some(*to), format!("Promote to {to}"), effect, tone)
    };
    later.enumerate().map(promote).collect()
}

/// Taking it back, where there is anything to step back to.
fn back(view: &RolloutView, subject: &SubjectView) -> Option<Step> {
    let short = subject.version.short();
    let good = view.last_good.as_ref().filter(|good| **good != subject.version);
    let before = view.ladder.iter().rfind(|rung| rung.stage < subject.rung.stage);
    let way = match (good, before) {
        (Some(good), _) => format!("the last good version {} answers again", good.short()),
        (None, Some(rung)) => format!("it goes back to {rung}"),
        (None, None) => return None,
    };
    let effect =
        format!("Version {short} is taken back from {}: {way}. Its failures come home.", subject.rung);
    Some(step(Act::Demote, &subject.version, None, format!("Demote {short}"), effect, "danger"))
}

fn step(
    kind: Act,
    version: &Digest,
    rung: Option<Rung>,
    label: String,
    effect: String,
    tone: &'static str,
) -> Step {
    let to = rung.map_or_else(String::new, |rung| format!("{}:{}", rung.stage.name(), rung.traffic));
    let place = rung.map_or_else(String::new, |rung| rung.to_string());
    Step { act: name(kind), version: version.clone(), to, place, label, effect, tone, kind, rung }
}

fn name(act: Act) -> &'static str {
    match act {
        Act::Promote => "promote",
        Act::Approve => "approve",
        Act::Decline => "decline",
        Act::Demote => "demote",
    }
}

#[cfg(test)]
mod tests {
    use empiric_schema::evidence::Verdict;
    use empiric_schema::rollout::{Judged, PromotionQuestion};
    use empiric_schema::spec::StageName::{Direct, Internal, Reviewed};

    use super::*;
    use crate::steer::Prospect;

    fn rung(stage: empiric_schema::spec::StageName, traffic: u8) -> Rung {
        Rung { stage, traffic }
    }

    fn outlook(at: Option<Rung>) -> Outlook {
        let version = Digest::of(b"new");
        let judged = Judged::default();
        let subject = at.map(|rung| SubjectView {
            version: version.clone(),
            rung,
            since: 0.0,
            judged,
            needed: 30,
            verdict: Verdict::Inconclusive,
            harm: None,
        });
        let view = RolloutView {
            project: "p".to_owned(),
            revision: 1,
            ladder: vec![rung(Internal, 100), rung(Reviewed, 100), rung(Direct, 5), rung(Direct, 100)],
            max_failure_rate: 0.25,
            subject,
            nonce: "n".to_owned(),
            ..RolloutView::default()
        };
        let prospect = Prospect { version, origin: "run p-1".to_owned(), to: rung(Internal, 100) };
        Outlook { view, prospects: vec![prospect] }
    }

    fn labels(outlook: &Outlook) -> Vec<String> {
        offered(outlook).into_iter().map(|step| step.label).collect()
    }

    #[test]
    fn what_is_offered_follows_from_where_the_version_stands() {
        let short = Digest::of(b"new").short().to_owned();
        assert_eq!(labels(&outlook(None)), [format!("Bring {short} to internal")]);
        assert_eq!(
            labels(&outlook(Some(rung(Internal, 100)))),
            ["Promote to reviewed", "Promote to direct at 5 %", "Promote to direct"]
        );
        let top = outlook(Some(rung(Direct, 100)));
        assert_eq!(labels(&top), [format!("Demote {short}")]);
        assert!(offered(&top)[0].effect.contains("it goes back to reviewed"), "{:?}", offered(&top));
    }

    #[test]
    fn an_open_question_is_answered_first() {
        let mut asked = outlook(Some(rung(Reviewed, 100)));
        asked.view.last_good = Some(Digest::of(b"old"));
        asked.view.question = Some(PromotionQuestion {
            version: Digest::of(b"new"),
            from: rung(Reviewed, 100),
            to: rung(Direct, 5),
            why: String::new(),
            asked: 0.0,
        });
        let steps = offered(&asked);
        let acts: Vec<&str> = steps.iter().map(|step| step.act).collect();
        assert_eq!(acts, ["approve", "decline", "demote"]);
        assert_eq!(steps[0].to, "direct:5");
        assert!(steps[2].effect.contains("the last good version"), "{}", steps[2].effect);
    }
}

//! From where a rollout stands to what is served. Pure.

use empiric_schema::exposure::{Canary, Exposure};
use empiric_schema::rollout::Rung;

use super::rules::Rules;
use super::state::{RolloutState, Subject};

/// What is served; nothing before there is a version.
///
/// A version without a predecessor is served at its own rung. A successor never takes exposure away from the good
/// version before it: it answers a part of the last stage's traffic in its place, and below that stage it answers
/// beside it, seen by nobody.
pub fn exposure(rules: &Rules, state: &RolloutState, project: &str, why: &str, at: f64) -> Option<Exposure> {
    let subject = state.subject.as_ref()?;
    let rung = rules.rung(subject.place);
    let alone = Exposure {
        project: project.to_owned(),
        revision: state.revision,
        stage: rung.stage,
        traffic: rung.traffic,
        serving: subject.version.clone(),
        canary: None,
        shadow: None,
        last_good: state.last_good.clone(),
        why: why.to_owned(),
        at,
    };
    Some(match &state.last_good {
        Some(good) if *good != subject.version && subject.place < rules.top() => {
            let top = rules.rung(rules.top());
            let trial = Exposure { stage: top.stage, traffic: top.traffic, serving: good.clone(), ..alone };
            beside(rules, subject, rung, trial)
        }
        _ => alone,
    })
}

fn beside(rules: &Rules, subject: &Subject, rung: Rung, trial: Exposure) -> Exposure {
    let version = subject.version.clone();
    if subject.place < rules.first_of_top() {
        return Exposure { shadow: Some(version), ..trial };
    }
    Exposure { canary: Some(Canary { version, percent: rung.traffic }), ..trial }
}

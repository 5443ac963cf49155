//! The books as people see them.

use empiric_schema::rollout::{HarmView, RolloutView, SubjectView};

use super::Books;
use crate::rollout::approval::nonce;
use crate::rollout::rules::Rules;
use crate::rollout::state::Subject;

impl Books {
    /// The rollout as people see it.
    pub fn view(&self, rules: &Rules, project: &str, now: f64) -> RolloutView {
        RolloutView {
            project: project.to_owned(),
            revision: self.state.revision,
            ladder: rules.ladder.iter().map(|(rung, _)| *rung).collect(),
            max_failure_rate: rules.monitor.max_failure_rate,
            subject: self.state.subject.as_ref().map(|subject| subject_view(rules, subject)),
            last_good: self.state.last_good.clone(),
            question: self.state.question.clone(),
            nonce: nonce(project, self.state.revision),
            window: self.window,
            joined: self.joined.iter().map(|joined| joined.count).sum(),
            preferences: self.preferences.clone(),
            drift: self.drift.view.clone(),
            requalification: self.models.question.clone(),
            runs: self.runs.clone(),
            decisions: self.decisions.iter().cloned().collect(),
            problem: self.problem.clone(),
            updated: now,
        }
    }
}

fn subject_view(rules: &Rules, subject: &Subject) -> SubjectView {
    SubjectView {
        version: subject.version.clone(),
        rung: rules.rung(subject.place),
        since: subject.since,
        judged: subject.judged,
        needed: rules.needed(subject.place),
        verdict: subject.verdict(rules),
        harm: harm_view(rules, subject),
    }
}

fn harm_view(rules: &Rules, subject: &Subject) -> Option<HarmView> {
    let (at_most, verdict) = (rules.max_harm_rate?, subject.harm_verdict(rules)?);
    Some(HarmView { judged: subject.harm, at_most, verdict })
}

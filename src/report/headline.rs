//! The verdict of a run in plain words.

use empiric_schema::decision::Decision;
use empiric_schema::evidence::Verdict;
use empiric_schema::view::{RunState, RunView};
use serde::Serialize;

use super::words;

/// How good the news is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// The promise is kept.
    Good,
    /// The promise is broken, or a person is needed.
    Bad,
    /// Nothing is shown either way, or the run goes on.
    Open,
}

/// The verdict of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Headline {
    /// How good the news is.
    pub tone: Tone,
    /// One short statement.
    pub title: String,
    /// What was gained, or that nothing beat the noise.
    pub gain: String,
    /// Why the run ended, or where it is.
    pub ended: String,
}

/// What a reader should know first.
pub fn headline(view: &RunView) -> Headline {
    let (tone, title) = promise(view);
    Headline { tone, title, gain: gain(view), ended: ended(view) }
}

/// The last look at the locked test split.
fn last_gate(view: &RunView) -> Option<Verdict> {
    view.decisions.iter().rev().find_map(|record| match &record.decision {
        Decision::Gate { verdict, .. } => Some(*verdict),
        _ => None,
    })
}

fn promise(view: &RunView) -> (Tone, String) {
    match (last_gate(view), view.state) {
        (Some(Verdict::Pass), _) => (Tone::Good, "Promise kept".to_owned()),
        (Some(Verdict::Fail), _) => (Tone::Bad, "Promise not kept".to_owned()),
        (Some(Verdict::Inconclusive), _) => (Tone::Open, "Promise not shown".to_owned()),
        (None, RunState::Finished) => {
            (Tone::Open, "Promise not tested: the locked test was not opened".to_owned())
        }
        (None, RunState::Running) => (Tone::Open, "No verdict yet: the run goes on".to_owned()),
        (None, RunState::Paused) => (Tone::Open, "No verdict yet: the run is paused".to_owned()),
    }
}

fn gain(view: &RunView) -> String {
    let mut duels = 0;
    let mut won = Vec::new();
    for record in &view.decisions {
        if let Decision::Promote { label, evidence, .. } = &record.decision {
            duels += 1;
            if evidence.verdict == Verdict::Pass {
                won.push(format!("{label} ({})", words::paired(evidence)));
            }
        }
    }
    match (won.as_slice(), duels) {
        ([], 0) if view.state == RunState::Finished => {
            "No candidate reached the paired test: nothing is known of what would help.".to_owned()
        }
        ([], 0) => "No candidate has met the incumbent yet.".to_owned(),
        ([], 1) => {
            "Nothing beat the noise: the one candidate that met the incumbent was not shown to be better."
                .to_owned()
        }
        ([], n) => format!(
            "Nothing beat the noise: {n} candidates met the incumbent, and none was shown to be better."
        ),
        (won, _) => format!("Promoted on evidence: {}.", won.join("; ")),
    }
}

fn ended(view: &RunView) -> String {
    let time = words::duration(view.updated - view.started);
    match &view.stop {
        Some(reason) => format!("Ended after {time}: {}.", reason.sentence()),
        None => format!("After {time}, at the stage `{}`: {}.", view.stage.words(), view.activity),
    }
}

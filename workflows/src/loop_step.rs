//! The one transition function of the loop.
//!
//! It sees only what was measured and decided, never a clock or a store, so the same history always
//! takes the same way. Its table is a snapshot test.

use empiric_schema::artifact::Digest;
use empiric_schema::budget::Resource;
use empiric_schema::decision::StopReason;
use empiric_schema::diagnosis::{Category, DiagnosisRow, Priority};
use empiric_schema::evidence::Verdict;
use empiric_schema::spec::Technique;

use crate::choice::{self, Reading, is_barred_for};

/// Rejections after which a technique is barred.
pub const BARRED_AFTER: u32 = 2;

/// What the next step depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct LoopState {
    /// Iterations that were run.
    pub iterations: u32,
    /// Most iterations.
    pub max_iterations: u32,
    /// What is known of each technique that the spec allows, in its order.
    pub techniques: Vec<TechniqueState>,
    /// Why the incumbent fails, the largest category first; empty where nobody asked.
    pub diagnosis: Vec<DiagnosisRow>,
    /// Whether the incumbent sees the project's documents.
    pub reading: Reading,
    /// Whether the incumbent's dev results rule the promise out (`Fail`), show it (`Pass`) or neither.
    pub promise_on_dev: Verdict,
    /// Why the incumbent is too slow or too dear for production, in words.
    pub excess: Option<String>,
    /// What the locked test said of the incumbent, if it was asked.
    pub gate: Option<Verdict>,
    /// Looks at the test split that are left.
    pub looks_left: u32,
    /// A limit that was reached.
    pub exhausted: Option<Resource>,
    /// Something that a person must mend first.
    pub problem: Option<String>,
}

/// A technique's record in this run.
#[derive(Debug, Clone, PartialEq)]
pub struct TechniqueState {
    /// Which.
    pub technique: Technique,
    /// Iterations in which its finalist became the incumbent.
    pub acceptances: u32,
    /// Iterations in which it did not beat the incumbent.
    pub rejections: u32,
    /// The category that led to each rejection, where there was a diagnosis.
    pub rejected_for: Vec<Category>,
    /// Device time of an iteration with it in units of a prompt race, where it was measured.
    pub cost: Option<f64>,
    /// Why it cannot be used here.
    pub missing: Option<String>,
    /// Whether it has something to build or to try.
    pub has_candidates: bool,
    /// The incumbent for which it built and then had nothing new to race.
    pub emptied: Option<Digest>,
}

impl TechniqueState {
    /// Before the first iteration.
    pub fn fresh(technique: Technique) -> Self {
        Self {
            technique,
            acceptances: 0,
            rejections: 0,
            rejected_for: Vec::new(),
            cost: None,
            missing: None,
            has_candidates: true,
            emptied: None,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// An iteration with this technique.
    Improve(Technique),
    /// A look at the locked test.
    Gate,
    /// The end.
    Stop(StopReason),
}

/// A step with its reason and the techniques that were passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct NextStep {
    /// What to do.
    pub step: Step,
    /// The rule in one sentence.
    pub why: String,
    /// Techniques that were not taken, each with the reason.
    pub rejected: Vec<(String, String)>,
    /// What spoke for each technique that could be taken, the best first.
    pub priorities: Vec<Priority>,
}

/// Decides what comes next.
///
/// In order: a person's problem, a kept promise, a used-up budget, a look at the test when dev does not
/// rule the promise out, the first technique that may be used, one closing look so that the run ends with
/// a number, and then the plateau.
pub fn loop_step(state: &LoopState) -> NextStep {
    if let Some(problem) = &state.problem {
        let reason = StopReason::NeedsPerson { problem: problem.clone() };
        return stop(reason, "work cannot go on without a person");
    }
    if state.gate == Some(Verdict::Pass) {
        return stop(StopReason::Success, "every criterion holds on the locked test split");
    }
    if let Some(resource) = state.exhausted {
        return stop(StopReason::Budget { resource }, "a limit of the budget was reached");
    }
    let can_look = state.gate.is_none() && state.looks_left > 0;
    if can_look && state.promise_on_dev != Verdict::Fail {
        if let Some(distil) = distilled(state) {
            return distil;
        }
        return gate("the dev results do not rule the promise out");
    }
    let Choice { technique, why, rejected, priorities } = choose(state);
    match technique {
        Some(technique) => NextStep { step: Step::Improve(technique), why, rejected, priorities },
        None if can_look => {
            NextStep { rejected, ..gate("nothing is left to try: a closing look says where the run ends") }
        }
        None => NextStep { rejected, ..stop(StopReason::Plateau, "no technique that is left may be used") },
    }
}

/// Before what answers well enough is tested, the small model learns to answer so, where that costs too much.
fn distilled(state: &LoopState) -> Option<NextStep> {
    let excess = state.excess.as_ref().filter(|_| state.iterations < state.max_iterations)?;
    let known = state.techniques.iter().find(|known| known.technique == Technique::Distil)?;
    refusal(known).is_none().then(|| NextStep {
        step: Step::Improve(Technique::Distil),
        why: format!("dev does not rule the promise out, but {excess}"),
        rejected: Vec::new(),
        priorities: Vec::new(),
    })
}

/// What was chosen and what not.
#[derive(Debug, Default)]
struct Choice {
    technique: Option<Technique>,
    why: String,
    rejected: Vec<(String, String)>,
    priorities: Vec<Priority>,
}

fn choose(state: &LoopState) -> Choice {
    if state.iterations >= state.max_iterations {
        let why = format!("all {} iterations of the spec were run", state.max_iterations);
        let all = state.techniques.iter().map(|known| (known.technique.name().to_owned(), why.clone()));
        return Choice { rejected: all.collect(), ..Choice::default() };
    }
    if state.diagnosis.is_empty() { first_of_the_spec(state) } else { by_priority(state) }
}

/// Without a diagnosis the spec's order decides.
fn first_of_the_spec(state: &LoopState) -> Choice {
    let mut choice = Choice::default();
    for known in &state.techniques {
        match refusal(known) {
            None => {
                choice.technique = Some(known.technique);
                choice.why =
                    "the first technique of the spec, cheapest first, that may be used and is not barred"
                        .to_owned();
                return choice;
            }
            Some(why) => choice.rejected.push((known.technique.name().to_owned(), why)),
        }
    }
    choice
}

/// The technique for which the failures speak most; ties fall to the one that the spec names first.
fn by_priority(state: &LoopState) -> Choice {
    let mut choice = Choice::default();
    for known in &state.techniques {
        let refused = unusable(known).or_else(|| barred(known, state));
        match (refused, choice::priority(known, &state.diagnosis, state.reading)) {
            (Some(why), _) => choice.rejected.push((known.technique.name().to_owned(), why)),
            (None, Some(priority)) => choice.priorities.push(priority),
            (None, None) => {
                let why = "it is no remedy for what fails".to_owned();
                choice.rejected.push((known.technique.name().to_owned(), why));
            }
        }
    }
    choice.priorities.sort_by(|a, b| b.priority.total_cmp(&a.priority));
    let Some(best) = choice.priorities.first() else { return choice };
    choice.technique =
        state.techniques.iter().map(|known| known.technique).find(|one| one.name() == best.technique);
    choice.why = format!(
        "most of what fails is within its reach for what it costs: {} leads, reach {:.2}, acceptance {:.2}, cost {:.1}",
        best.category.words(),
        best.reach,
        best.acceptance,
        best.cost
    );
    let others = choice.priorities.iter().skip(1);
    choice.rejected.extend(others.map(|other| {
        (other.technique.clone(), format!("priority {:.3} against {:.3}", other.priority, best.priority))
    }));
    choice
}

/// Barred for every category that it would be a remedy for.
fn barred(known: &TechniqueState, state: &LoopState) -> Option<String> {
    let is_treated =
        |row: &&DiagnosisRow| choice::hope(known.technique, row.category, state.reading).is_some();
    let mut treated = state.diagnosis.iter().filter(is_treated).peekable();
    treated.peek()?;
    treated
        .all(|row| is_barred_for(known, row.category))
        .then(|| format!("barred: it failed to beat the incumbent {BARRED_AFTER} times for what still fails"))
}

fn refusal(known: &TechniqueState) -> Option<String> {
    if known.rejections >= BARRED_AFTER && known.missing.is_none() {
        return Some(format!("barred: it failed to beat the incumbent {} times", known.rejections));
    }
    unusable(known)
}

fn unusable(known: &TechniqueState) -> Option<String> {
    let nothing = || (!known.has_candidates).then(|| "it has no candidate that was not tried".to_owned());
    known.missing.clone().or_else(nothing)
}

fn gate(why: &str) -> NextStep {
    NextStep { step: Step::Gate, why: why.to_owned(), rejected: Vec::new(), priorities: Vec::new() }
}

fn stop(reason: StopReason, why: &str) -> NextStep {
    NextStep { step: Step::Stop(reason), why: why.to_owned(), rejected: Vec::new(), priorities: Vec::new() }
}

#[cfg(test)]
mod tests;

//! The one transition function of the loop.
//!
//! It sees only what was measured and decided, never a clock or a store, so the same history always
//! takes the same way. Its table is a snapshot test.

use empiric_schema::budget::Resource;
use empiric_schema::decision::StopReason;
use empiric_schema::evidence::Verdict;
use empiric_schema::spec::Technique;

use crate::technique::unavailable;

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
    /// Whether the incumbent's dev results rule the promise out (`Fail`), show it (`Pass`) or neither.
    pub promise_on_dev: Verdict,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TechniqueState {
    /// Which.
    pub technique: Technique,
    /// Iterations in which it did not beat the incumbent.
    pub rejections: u32,
    /// Whether it has candidates that were not tried.
    pub has_candidates: bool,
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
        return gate("the dev results do not rule the promise out");
    }
    let (chosen, rejected) = choose(state);
    match chosen {
        Some(technique) => NextStep {
            step: Step::Improve(technique),
            why: "the first technique of the spec, cheapest first, that may be used and is not barred"
                .to_owned(),
            rejected,
        },
        None if can_look => {
            NextStep { rejected, ..gate("nothing is left to try: a closing look says where the run ends") }
        }
        None => NextStep { rejected, ..stop(StopReason::Plateau, "no technique that is left may be used") },
    }
}

fn choose(state: &LoopState) -> (Option<Technique>, Vec<(String, String)>) {
    let mut rejected = Vec::new();
    if state.iterations >= state.max_iterations {
        let why = format!("all {} iterations of the spec were run", state.max_iterations);
        let all = state.techniques.iter().map(|known| (known.technique.name().to_owned(), why.clone()));
        return (None, all.collect());
    }
    for known in &state.techniques {
        match refusal(known) {
            None => return (Some(known.technique), rejected),
            Some(why) => rejected.push((known.technique.name().to_owned(), why)),
        }
    }
    (None, rejected)
}

fn refusal(known: &TechniqueState) -> Option<String> {
    if let Some(why) = unavailable(known.technique) {
        return Some(why.to_owned());
    }
    if known.rejections >= BARRED_AFTER {
        return Some(format!("barred: it failed to beat the incumbent {} times", known.rejections));
    }
    (!known.has_candidates).then(|| "it has no candidate that was not tried".to_owned())
}

fn gate(why: &str) -> NextStep {
    NextStep { step: Step::Gate, why: why.to_owned(), rejected: Vec::new() }
}

fn stop(reason: StopReason, why: &str) -> NextStep {
    NextStep { step: Step::Stop(reason), why: why.to_owned(), rejected: Vec::new() }
}

#[cfg(test)]
mod tests;

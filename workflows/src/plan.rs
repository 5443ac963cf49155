//! What a run would do, before anything is spent. `empiric plan` prints it; the lifecycle uses its parts.

use empiric_schema::evidence::{Alpha, PValueMethod};
use empiric_schema::spec::{ProjectSpec, Technique};
use serde::{Deserialize, Serialize};

use crate::evidence::halving::{answers_needed, first_items, schedule};
use crate::evidence::paired::Alternative;
use crate::evidence::power::{PairedPlan, required_rate};
use crate::gate::threshold;
use crate::iteration::FIRST_ITEMS;
use crate::lifecycle::confirm_items;
use crate::technique::unavailable;

/// Share of items that a good candidate is assumed to break, for the detectable gain.
const ASSUMED_LOSSES: f64 = 0.05;
/// Probability with which a detectable gain is found.
const POWER: f64 = 0.8;

/// Sizes of the splits, in items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Train items; 0 without a train split.
    pub train: u32,
    /// Dev items.
    pub dev: u32,
    /// Test items.
    pub test: u32,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The splits.
    pub sizes: Sizes,
    /// Dev items that candidates race on.
    pub race_items: u32,
    /// Dev items that the finalist and the incumbent meet on.
    pub confirm_items: u32,
    /// Smallest gain that is found 8 times in 10 when 5 % of the items get worse, in (0, 1].
    pub detectable_gain: Option<f64>,
    /// The promise, each with what the test split would need to show it.
    pub promise: Vec<PlannedCriterion>,
    /// Techniques in the order in which they are tried.
    pub techniques: Vec<PlannedTechnique>,
    /// Most answers to be generated, by part.
    pub answers: Answers,
}

/// A criterion and what it takes to show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedCriterion {
    /// `accuracy at least 0.70`.
    pub criterion: String,
    /// True rate at which a look passes 8 times in 10; `None` when the test split is too small for any.
    pub needed: Option<f64>,
}

/// A technique and whether it can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTechnique {
    /// Its name.
    pub technique: Technique,
    /// Why it cannot be used.
    pub unavailable: Option<String>,
}

/// Most answers that a run generates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The first measurement.
    pub measure: u64,
    /// One iteration, with a promotion at its end.
    pub iteration: u64,
    /// One look at the locked test.
    pub look: u64,
    /// All iterations and the looks that they may lead to.
    pub most: u64,
}

/// Plans a run.
pub fn plan(spec: &ProjectSpec, sizes: Sizes) -> Plan {
    let alpha = Alpha::new(spec.gate.alpha).unwrap_or(Alpha::FIVE_PERCENT);
    let confirm = confirm_items(spec, sizes.dev);
    Plan {
        sizes,
        race_items: sizes.dev - confirm,
        confirm_items: confirm,
        detectable_gain: detectable_gain(confirm, alpha),
        promise: promise(spec, sizes.test, alpha),
        techniques: spec.improve.techniques.iter().map(|&technique| planned(technique)).collect(),
        answers: answers(spec, sizes, confirm),
    }
}

/// The smallest gain that `items` paired items show with power 0.8, in (0, 1]; `None` if none is.
pub fn detectable_gain(items: u32, alpha: Alpha) -> Option<f64> {
    let plan = PairedPlan {
        items: u64::from(items),
        alpha,
        alternative: Alternative::Better,
        method: PValueMethod::MidP,
    };
    plan.smallest_detectable_effect(ASSUMED_LOSSES, POWER).map(|effect| effect.gain)
}

fn promise(spec: &ProjectSpec, test: u32, alpha: Alpha) -> Vec<PlannedCriterion> {
    let looks = std::num::NonZeroU32::new(spec.gate.test_looks).unwrap_or(std::num::NonZeroU32::MIN);
    let one = |criterion: &empiric_schema::spec::Criterion| PlannedCriterion {
        criterion: criterion.to_string(),
        needed: required_rate(u64::from(test), threshold(criterion), alpha.share(looks), POWER),
    };
    spec.scope.success.iter().map(one).collect()
}

fn planned(technique: Technique) -> PlannedTechnique {
    PlannedTechnique { technique, unavailable: unavailable(technique).map(str::to_owned) }
}

fn answers(spec: &ProjectSpec, sizes: Sizes, confirm: u32) -> Answers {
    let race = u64::from(sizes.dev - confirm);
    let candidates = u64::from(spec.improve.candidates);
    let first = first_items(candidates, race).min(FIRST_ITEMS as u64);
    let rounds = schedule(candidates, first, race);
    let rest = race - rounds.last().map_or(0, |round| round.items);
    let iteration = answers_needed(&rounds) + u64::from(confirm) + rest;
    let look = 2 * u64::from(sizes.test);
    let usable = spec.improve.techniques.iter().any(|&technique| unavailable(technique).is_none());
    let iterations = if usable { u64::from(spec.improve.max_iterations) } else { 0 };
    let looks = u64::from(spec.gate.test_looks).min(iterations + 1);
    let measure = u64::from(sizes.dev);
    Answers { measure, iteration, look, most: measure + iterations * iteration + looks * look }
}

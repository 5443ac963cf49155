//! Prompts by reflection, where the spec names a strong model: it reads failures and proposes instructions.
//!
//! After GEPA (Agrawal et al. 2025): the incumbent answers a few train items, the strong model reads what it got wrong
//! and proposes instructions, these answer the same items, and the strong model reads the failures of those on the
//! Pareto front: no other prompt answers the same items and more. What is on the front at the end races on dev, which no
//! reflection has read.

use empiric_schema::job::{EvaluateParams, JobKind, Parent, Proposal, RESULTS_FILE, ReflectParams};
use empiric_schema::spec::{ModelOrigin, ReflectSpec};
use empiric_schema::version::{AnsweringModel, EndpointBinding, ModelBinding, SystemVersion};

use super::{Build, Built, Candidate, Setting};
use crate::evidence::random::seeded_order;

/// Rounds of reflection.
const ROUNDS: usize = 2;
/// Train items that prompts answer before they are reflected on.
const ITEMS: usize = 24;
/// Failures that one reflection reads.
const FAILURES: u32 = 5;
/// Most tokens of one reflection's answer.
const MAX_TOKENS: u32 = 600;
/// Answers that are generated together.
const BATCH: u32 = 8;
/// Most parents of a round.
const MOST_PARENTS: usize = 4;

/// What is built before candidates race; nothing when reflection is over or was not asked for.
pub(super) fn next(setting: &Setting<'_>, built: &Built) -> Option<Vec<Build>> {
    let reflect = setting.spec.improve.reflect.as_ref()?;
    let reflector = model(reflect, setting)?;
    if !built.contains_key(&answers_name(0, 0)) {
        return Some(vec![answers(0, 0, setting.incumbent, setting)?]);
    }
    for round in 1..=ROUNDS {
        if !built.contains_key(&reflection_name(round)) {
            return Some(vec![reflection(round, reflect, reflector, setting, built)?]);
        }
        let open: Vec<Build> = proposed(round, setting, built)
            .into_iter()
            .filter(|(index, _)| !built.contains_key(&answers_name(round, *index)))
            .filter_map(|(index, version)| answers(round, index, &version, setting))
            .collect();
        if !open.is_empty() {
            return Some(open);
        }
    }
    None
}

/// The proposals on the front, the incumbent left out.
pub(super) fn candidates(setting: &Setting<'_>, built: &Built) -> Vec<Candidate> {
    let incumbent = setting.incumbent.digest();
    let front = front(ROUNDS, setting, built).into_iter().filter(|known| known.version.digest() != incumbent);
    let candidate = |known: Known| Candidate {
        change: format!("instructions by reflection, round {}", known.round),
        version: known.version,
    };
    front.map(candidate).collect()
}

/// A version that has answered the train items.
struct Known {
    round: usize,
    version: SystemVersion,
    /// One character an item.
    passed: String,
    parent: Parent,
}

/// The versions up to a round that no other dominates, the best first.
fn front(last: usize, setting: &Setting<'_>, built: &Built) -> Vec<Known> {
    let mut known = vec![(0, 0, setting.incumbent.clone())];
    for round in 1..=last {
        known.extend(
            proposed(round, setting, built).into_iter().map(|(index, version)| (round, index, version)),
        );
    }
    let known: Vec<Known> = known.into_iter().filter_map(|one| answered(one, built)).collect();
    let passed: Vec<&str> = known.iter().map(|one| one.passed.as_str()).collect();
    let kept = undominated(&passed);
    let mut known: Vec<Option<Known>> = known.into_iter().map(Some).collect();
    kept.into_iter().filter_map(|index| known[index].take()).collect()
}

fn answered((round, index, version): (usize, usize, SystemVersion), built: &Built) -> Option<Known> {
    let product = built.get(&answers_name(round, index))?;
    let passed = product.findings.evaluation.as_ref()?.passed.clone();
    let parent =
        Parent { prompt: version.prompt.clone(), results: product.outputs.get(RESULTS_FILE)?.clone() };
    Some(Known { round, version, passed, parent })
}

/// Those of which no other passes the same items and more, nor an earlier one the same; most passed first.
fn undominated(passed: &[&str]) -> Vec<usize> {
    let covers = |one: &str, other: &str| one.bytes().zip(other.bytes()).all(|(one, other)| one >= other);
    let is_beaten = |index: usize| {
        let others = passed.iter().enumerate().filter(|(other, _)| *other != index);
        others.into_iter().any(|(other, grades)| {
            covers(grades, passed[index]) && (!covers(passed[index], grades) || other < index)
        })
    };
    let mut kept: Vec<usize> = (0..passed.len()).filter(|index| !is_beaten(*index)).collect();
    kept.sort_by_key(|index| (std::cmp::Reverse(crate::race::count(passed[*index])), *index));
    kept
}

/// The proposals of a round as versions.
fn proposed(round: usize, setting: &Setting<'_>, built: &Built) -> Vec<(usize, SystemVersion)> {
    let proposals = built.get(&reflection_name(round)).map(|product| product.findings.proposals.as_slice());
    let version = |(index, proposal): (usize, &Proposal)| {
        let mut version = setting.incumbent.clone();
        version.prompt.system.clone_from(&proposal.system);
        (index, version)
    };
    proposals.unwrap_or_default().iter().enumerate().map(version).collect()
}

fn answers_name(round: usize, index: usize) -> String {
    format!("answers-{round}-{index}")
}

fn reflection_name(round: usize) -> String {
    format!("reflection-{round}")
}

/// A version answers some train items.
fn answers(round: usize, index: usize, version: &SystemVersion, setting: &Setting<'_>) -> Option<Build> {
    let train = setting.frozen.train.as_ref()?;
    let order = seeded_order(setting.spec.improve.seed, train.count as usize);
    let params = EvaluateParams {
        version: version.clone(),
        items: train.items.clone(),
        positions: order.into_iter().take(ITEMS).map(|position| position as u32).collect(),
        assertions: setting.spec.evaluate.assertions.clone(),
        labels: setting.spec.scope.task.labels().to_vec(),
        batch: BATCH,
    };
    let who = if round == 0 { "the incumbent".to_owned() } else { format!("proposal {round}.{}", index + 1) };
    Some(Build {
        name: answers_name(round, index),
        label: format!("{who} on train items"),
        kind: JobKind::Evaluate(Box::new(params)),
    })
}

fn reflection(
    round: usize,
    reflect: &ReflectSpec,
    reflector: AnsweringModel,
    setting: &Setting<'_>,
    built: &Built,
) -> Option<Build> {
    let parents: Vec<Parent> =
        front(round - 1, setting, built).into_iter().take(MOST_PARENTS).map(|known| known.parent).collect();
    let each = reflect.proposals.div_ceil(u32::try_from(parents.len()).ok()?.max(1));
    let params = ReflectParams {
        reflector,
        parents,
        items: setting.frozen.train.as_ref()?.items.clone(),
        proposals: each,
        failures: FAILURES,
        max_tokens: MAX_TOKENS,
        most_tokens: reflect.tokens / ROUNDS as u64,
    };
    Some(Build {
        name: reflection_name(round),
        label: format!("`{}` reflects on failures, round {round}", reflect.model),
        kind: JobKind::Reflect(Box::new(params)),
    })
}

fn model(reflect: &ReflectSpec, setting: &Setting<'_>) -> Option<AnsweringModel> {
    let found = setting.spec.models.iter().find(|model| model.id == reflect.model)?;
    let id = found.id.clone();
    Some(match &found.origin {
        ModelOrigin::Endpoint(endpoint) => EndpointBinding { id, endpoint: endpoint.clone() }.into(),
        ModelOrigin::Source(_) => {
            let weights = setting.frozen.models.get(&id)?.clone();
            ModelBinding { id, weights, files: Default::default() }.into()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_has_what_no_other_covers_and_the_first_of_equals() {
        for (passed, kept) in [
            (vec!["0000"], vec![0]),
            (vec!["1000", "1100", "0011"], vec![1, 2]),
            (vec!["1100", "1100"], vec![0]),
            (vec!["0001", "1110", "0111"], vec![1, 2]),
        ] {
            assert_eq!(undominated(&passed), kept, "{passed:?}");
        }
    }
}

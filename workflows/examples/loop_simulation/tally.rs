//! What the loop did to many projects, held against their truth.

use std::collections::BTreeMap;

use empiric_schema::artifact::Digest;
use empiric_schema::decision::{Decision, StopReason};
use empiric_schema::evidence::Verdict;
use empiric_schema::spec::Technique;
use empiric_schema::view::RunView;
use empiric_workflows::evidence::random::{SplitMix64, seeded_order};
use empiric_workflows::lifecycle::rehearse;

use super::project::{Mixture, Project, Shape, TECHNIQUES};
use super::world::{Clusters, Policy, World, frozen, input};

/// Upper ends of the classes of true gains; what is above the last is the last class.
pub const GAINS: [f64; 5] = [0.0, 0.02, 0.05, 0.10, 0.20];
/// Differences of computed rates below this are rounding.
const ROUNDING: f64 = 1e-9;

/// Many projects and how they are worked on.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What techniques are worth.
    pub mixture: Mixture,
    /// The data.
    pub shape: Shape,
    /// What the gate knows of clusters.
    pub clusters: Clusters,
    /// How techniques are chosen.
    pub policy: Policy,
    /// The spec's `gate.alpha`.
    pub alpha: f64,
    /// The first project's seed.
    pub seed: u64,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many.
    pub hits: u32,
    /// Of how many.
    pub of: u32,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.hits += u32::from(hit);
        self.of += 1;
    }
}

/// The first choice of a run.
#[derive(Debug, Clone)]
pub struct First {
    /// Wire name of what was chosen.
    pub chosen: String,
    /// What could be used, with what it adds at full strength.
    pub gains: Vec<(Technique, f64)>,
}

/// Counts and sums over projects.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Projects.
    pub projects: u32,
    /// Promotions of finalists that are not better, of all such finalists.
    pub false_promotions: Share,
    /// Projects with at least one.
    pub misled: Share,
    /// Promotions by true gain, see [`GAINS`].
    pub by_gain: [Share; GAINS.len() + 1],
    /// The finalists were the best of their races in so many.
    pub best_won: Share,
    /// Sum over races of the best candidate's true gain less the finalist's.
    pub lost_in_races: f64,
    /// Looks that passed a version which does not keep the promise, of all looks at such versions.
    pub false_passes: Share,
    /// Projects that ended with a promise that is not kept, of those that ended with success.
    pub broken_promises: Share,
    /// Looks that passed a version which keeps it, of all looks at such versions.
    pub true_passes: Share,
    /// Answers of evaluations, answers of probes, iterations.
    pub answers: u64,
    /// Answers of probes.
    pub probed: u64,
    /// Iterations.
    pub iterations: u64,
    /// Device time.
    pub seconds: f64,
    /// Tokens.
    pub tokens: u64,
    /// Sum of the last incumbents' true gains over the starting systems.
    pub gained: f64,
    /// Device time and number of the iterations by technique.
    pub costs: BTreeMap<String, (f64, u32)>,
    /// First choices.
    pub firsts: Vec<First>,
}

/// Works on `projects` projects.
pub fn simulate(scenario: Scenario, projects: u32) -> Tally {
    let mut tally = Tally::default();
    for number in 0..u64::from(projects) {
        let project = Project::draw(scenario.seed + number, scenario.mixture, scenario.shape);
        tally.work(&project, scenario);
    }
    tally
}

fn order(project: &Project, policy: Policy) -> Vec<Technique> {
    match policy {
        Policy::Diagnosis | Policy::SpecOrder => TECHNIQUES.to_vec(),
        Policy::RandomOrder => seeded_order(project.seed ^ 0xABCD, TECHNIQUES.len())
            .into_iter()
            .map(|index| TECHNIQUES[index])
            .collect(),
    }
}

impl Tally {
    fn work(&mut self, project: &Project, scenario: Scenario) {
        let input = input(project, &order(project, scenario.policy), scenario.alpha);
        let mut world = World::new(project, scenario.policy);
        let view = rehearse(&input, frozen(project, scenario.clusters), |request| world.answer(request));
        self.projects += 1;
        self.answers += world.answers;
        self.probed += world.probed;
        self.iterations += u64::from(view.iteration);
        self.seconds += view.spend.device_seconds;
        self.tokens += view.spend.tokens;
        self.take_promotions(&view, &world.truth);
        self.take_races(&view, &world.truth);
        self.take_looks(&view, &world.truth, project.promise);
        self.take_first(&view, project);
        let start = project_start(&view, &world.truth);
        let end = view.incumbent.as_ref().and_then(|digest| world.truth.get(digest));
        self.gained += end.copied().unwrap_or(start) - start;
    }

    fn take_promotions(&mut self, view: &RunView, truth: &BTreeMap<Digest, f64>) {
        let mut is_misled = false;
        for record in &view.decisions {
            let Decision::Promote { candidate, incumbent, evidence, .. } = &record.decision else { continue };
            let gain = truth[candidate] - truth[incumbent];
            let is_promoted = evidence.verdict == Verdict::Pass;
            self.by_gain[class_of(gain)].add(is_promoted);
            if gain <= ROUNDING {
                self.false_promotions.add(is_promoted);
                is_misled |= is_promoted;
            }
        }
        self.misled.add(is_misled);
    }

    fn take_races(&mut self, view: &RunView, truth: &BTreeMap<Digest, f64>) {
        for iteration in &view.iterations {
            let cost = self.costs.entry(iteration.technique.clone()).or_default();
            *cost = (cost.0 + iteration.spend.device_seconds, cost.1 + 1);
            // A single candidate wins without a race, and was measured only if the budget allowed.
            let known = iteration.candidates.iter().filter_map(|candidate| truth.get(&candidate.version));
            let best = known.copied().fold(f64::NEG_INFINITY, f64::max);
            let finalist = view.decisions.iter().find_map(|record| match &record.decision {
                Decision::Promote { candidate, .. } if record.iteration == iteration.number => {
                    truth.get(candidate)
                }
                _ => None,
            });
            if let Some(finalist) = finalist {
                self.best_won.add(best - finalist <= ROUNDING);
                self.lost_in_races += best - finalist;
            }
        }
    }

    fn take_looks(&mut self, view: &RunView, truth: &BTreeMap<Digest, f64>, promise: f64) {
        for record in &view.decisions {
            let Decision::Gate { candidate, verdict, .. } = &record.decision else { continue };
            let is_kept = truth[candidate] >= promise;
            let share = if is_kept { &mut self.true_passes } else { &mut self.false_passes };
            share.add(*verdict == Verdict::Pass);
        }
        if view.stop == Some(StopReason::Success) {
            let end =
                view.incumbent.as_ref().and_then(|digest| truth.get(digest)).copied().unwrap_or_default();
            self.broken_promises.add(end < promise);
        }
    }

    fn take_first(&mut self, view: &RunView, project: &Project) {
        let first = view.decisions.iter().find_map(|record| match &record.decision {
            Decision::Improve { technique, .. } => Some(technique.clone()),
            _ => None,
        });
        let gains =
            project.usable().into_iter().map(|technique| (technique, project.gain(technique))).collect();
        self.firsts.extend(first.map(|chosen| First { chosen, gains }));
    }

    /// How often the first choice was the one with the largest true gain for its cost, where any has a gain; and
    /// how often a draw among the usable ones would have been.
    pub fn first_hits(&self, costs: &BTreeMap<String, (f64, u32)>) -> (Share, f64) {
        let (mut hits, mut drawn) = (Share::default(), 0.0);
        for first in &self.firsts {
            let worth = |&(technique, gain): &(Technique, f64)| {
                let (seconds, times) = costs.get(technique.name()).copied().unwrap_or((1.0, 1));
                gain / (seconds / f64::from(times))
            };
            let best = first.gains.iter().max_by(|a, b| worth(a).total_cmp(&worth(b)));
            let Some((best, _)) = best.filter(|(_, gain)| *gain > 0.01) else { continue };
            hits.add(best.name() == first.chosen);
            drawn += 1.0 / first.gains.len() as f64;
        }
        (hits, drawn / f64::from(hits.of.max(1)))
    }
}

fn project_start(view: &RunView, truth: &BTreeMap<Digest, f64>) -> f64 {
    let start = view.measurements.iter().find(|point| point.iteration == 0);
    start.and_then(|point| truth.get(&point.version)).copied().unwrap_or_default()
}

fn class_of(gain: f64) -> usize {
    GAINS.iter().position(|end| gain <= end + ROUNDING).unwrap_or(GAINS.len())
}

/// The correlation of the differences between two equally good versions within clusters (one-way ANOVA
/// estimator, Donner 1986), over so many projects.
pub fn dependence(shape: Shape, projects: u64) -> f64 {
    let size = u64::from(shape.cluster);
    let (mut between, mut within, mut groups) = (0.0, 0.0, 0.0);
    for seed in 0..projects {
        let project = Project::draw(seed, Mixture::NULL, shape);
        let start = frozen(&project, Clusters::Ignored).system;
        let bars = project.bars(&start, &start);
        let [one, two] = [1, 2].map(|version| SplitMix64::new(seed ^ version).next_u64());
        for cluster in 0..u64::from(shape.dev.0) / size {
            let items = cluster * size..(cluster + 1) * size;
            let passes = |version, item| f64::from(u8::from(project.passes(&bars, version, item)));
            let differences: Vec<f64> = items.map(|item| passes(one, item) - passes(two, item)).collect();
            let mean = differences.iter().sum::<f64>() / size as f64;
            between += size as f64 * mean * mean;
            within += differences.iter().map(|one| (one - mean).powi(2)).sum::<f64>();
            groups += 1.0;
        }
    }
    let (between, within) = (between / groups, within / (groups * (size - 1) as f64));
    (between - within) / (between + (size - 1) as f64 * within)
}

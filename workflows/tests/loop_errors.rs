//! The loop on synthetic projects with known truth: how often it is wrong. The benches run the same on thousands.

#[path = "../examples/loop_simulation/project.rs"]
mod project;
#[expect(dead_code, reason = "the tables of the benches need more of it")]
#[path = "../examples/loop_simulation/tally.rs"]
mod tally;
#[expect(dead_code, reason = "the tables of the benches need more of it")]
#[path = "../examples/loop_simulation/world.rs"]
mod world;

use project::{Mixture, Shape};
use tally::{Scenario, Share, dependence, simulate};
use world::{Clusters, Policy};

const ALONE: Shape = Shape { dev: (100, 300), test: 200, cluster: 5, shared: 0.0 };
const CLUSTERED: Shape = Shape { shared: 0.9, ..ALONE };

fn scenario(mixture: Mixture, alpha: f64) -> Scenario {
    let (policy, clusters) = (Policy::Diagnosis, Clusters::Ignored);
    Scenario { mixture, shape: ALONE, clusters, policy, alpha, seed: 1 }
}

/// Above alpha by more than three standard errors.
fn exceeds(found: Share, alpha: f64) -> bool {
    let expected = f64::from(found.of) * alpha;
    f64::from(found.hits) > expected + 3.0 * (expected * (1.0 - alpha)).sqrt()
}

#[test]
fn where_nothing_helps_false_promotions_stay_at_alpha() {
    let tally = simulate(scenario(Mixture::NULL, 0.05), 60);
    assert!(tally.false_promotions.of > 200, "{:?}", tally.false_promotions);
    assert!(!exceeds(tally.false_promotions, 0.05), "{:?}", tally.false_promotions);
}

#[test]
fn a_level_that_is_too_lax_would_be_noticed() {
    let tally = simulate(scenario(Mixture::NULL, 0.5), 60);
    assert!(exceeds(tally.false_promotions, 0.05), "{:?}", tally.false_promotions);
}

#[test]
fn clusters_that_the_gate_knows_do_not_raise_false_promotions() {
    assert!((0.2..0.4).contains(&dependence(CLUSTERED, 100)));
    let known = Scenario { shape: CLUSTERED, clusters: Clusters::Known, ..scenario(Mixture::NULL, 0.05) };
    let found = simulate(known, 40).false_promotions;
    assert!(found.of > 100 && !exceeds(found, 0.05), "{found:?}");
}

#[test]
fn large_gains_are_found_and_promises_that_are_not_kept_do_not_pass() {
    let tally = simulate(scenario(Mixture::STATED, 0.05), 80);
    let [.., large, larger] = tally.by_gain;
    let (found, of) = (large.hits + larger.hits, large.of + larger.of);
    assert!(of > 5 && found * 10 >= of * 7, "{found} of {of} gains over ten points");
    assert!(!exceeds(tally.false_promotions, 0.05), "{:?}", tally.false_promotions);
    assert!(!exceeds(tally.false_passes, 0.05), "{:?}", tally.false_passes);
}

#[test]
fn the_same_seed_gives_the_same_decisions() {
    let run = || simulate(scenario(Mixture::STATED, 0.05), 3);
    let (one, two) = (run(), run());
    assert_eq!((one.answers, one.tokens, one.by_gain), (two.answers, two.tokens, two.by_gain));
}

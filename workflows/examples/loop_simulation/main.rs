//! The loop on thousands of synthetic projects with known truth.
//!
//! `cargo run --release -p empiric-workflows --example loop_simulation -- [PROJECTS] [SEED]`
//! prints the tables of `benches/loop/README.md`.

mod project;
mod tables;
mod tally;
mod world;

use std::process::ExitCode;

use project::{Mixture, Shape};
use tally::{Scenario, dependence, simulate};
use world::{Clusters, Policy};

const ALPHA: f64 = 0.05;
/// Items that stand alone.
const ALONE: Shape = Shape { dev: (100, 300), test: 200, cluster: 5, shared: 0.0 };
/// Five items a document, whose differences correlate by .3.
const CLUSTERED: Shape = Shape { shared: 0.9, ..ALONE };

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Ok(projects), Ok(seed)) = (arguments.next().unwrap_or(Ok(2000)), arguments.next().unwrap_or(Ok(1)))
    else {
        eprintln!("usage: loop_simulation [PROJECTS] [SEED], both whole numbers");
        return ExitCode::FAILURE;
    };
    run(u32::try_from(projects).unwrap_or(u32::MAX), seed);
    ExitCode::SUCCESS
}

fn run(projects: u32, seed: u64) {
    let base = Scenario {
        mixture: Mixture::STATED,
        shape: ALONE,
        policy: Policy::Diagnosis,
        clusters: Clusters::Ignored,
        alpha: ALPHA,
        seed,
    };
    let stated = simulate(base, projects);
    let nulls = simulate(Scenario { mixture: Mixture::NULL, ..base }, projects);
    println!("{projects} projects a row, seed {seed}\n");
    let clustered = Scenario { shape: CLUSTERED, ..base };
    let clustered_nulls = Scenario { mixture: Mixture::NULL, ..clustered };
    tables::errors(&[
        ("stated mixture, items stand alone", &stated),
        ("nothing helps, items stand alone", &nulls),
        ("stated mixture, clusters of 5", &simulate(clustered, projects)),
        ("nothing helps, clusters of 5", &simulate(clustered_nulls, projects)),
        ("stated mixture, clusters of 5, `cluster_by`", &simulate(known(clustered), projects)),
        ("nothing helps, clusters of 5, `cluster_by`", &simulate(known(clustered_nulls), projects)),
    ]);
    println!("\nmeasured correlation of differences within clusters: {:.2}\n", dependence(CLUSTERED, 400));
    tables::missed(&stated);
    let spec_order = simulate(Scenario { policy: Policy::SpecOrder, ..base }, projects);
    let random_order = simulate(Scenario { policy: Policy::RandomOrder, ..base }, projects);
    tables::policies(&[("diagnosis", &stated), ("spec order", &spec_order), ("random order", &random_order)]);
}

fn known(scenario: Scenario) -> Scenario {
    Scenario { clusters: Clusters::Known, ..scenario }
}

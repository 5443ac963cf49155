//! Our side of the runtime benchmark in `benches/runtime`: one command, one run, one JSON object.
//!
//! Usage: `bench_runtime COMMAND --model PATH --workload FILE [--new-tokens N] [--batch N] [--rank N]
//! [--warm-up N] [--steps N]`. What a workload's lines hold is written in `benches/runtime/workloads.py`,
//! what is printed in [`contract`]. Threads are set by `RAYON_NUM_THREADS`.

mod batch;
mod contract;
mod embed;
mod load;
mod machine;
mod score;
mod single;
mod train;

use contract::{Arguments, Command, Failure};

/// To add a command: a module with a function from [`Arguments`] to [`contract::Report`], and a line here.
const COMMANDS: [(&str, Command); 7] = [
    ("batch", batch::run),
    ("embed", embed::run),
    ("load", load::run),
    ("machine", machine::run),
    ("score", score::run),
    ("single", single::run),
    ("train", train::run),
];

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let Some((_, command)) = COMMANDS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = COMMANDS.iter().map(|(known, _)| *known).collect();
        return Err(format!("the command is `{name}`; expected one of {}", known.join(", ")).into());
    };
    command(&Arguments::parse(words)?)?.print()
}

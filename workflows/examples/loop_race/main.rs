//! Racing against an exhaustive grid, on recorded results of real candidates.
//!
//! `cargo run --release -p empiric-workflows --example loop_race` prints the tables of `benches/loop/README.md`.
//! With the argument `candidates` it prints what `benches/loop/record.py` has to record.

mod candidates;

use std::process::ExitCode;

use empiric_schema::evidence::{Alpha, PairedEvidence, Verdict};
use empiric_schema::version::SystemVersion;
use empiric_workflows::dev_split::split_dev;
use empiric_workflows::evidence::halving::first_items;
use empiric_workflows::evidence::random::seeded_order;
use empiric_workflows::gate::{compare, select};
use empiric_workflows::race::{Race, count};
use empiric_workflows::technique::Candidate;
use serde::Deserialize;

/// What a real run left: see `benches/loop/README.md` for how it was made.
const RECORDED: &str = include_str!("../../../benches/loop/recorded.json");
const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;
const RACE_SHARE: f64 = 0.5;
const ALPHA: Alpha = Alpha::FIVE_PERCENT;
/// Candidates of an iteration by default (`improve.candidates`).
const FIELD: usize = 8;
/// Items of the first round before it was sized by the price of the race.
const FIXED_FIRST: usize = 12;

#[derive(Deserialize)]
struct Recorded {
    items: u32,
    incumbent: Answers,
    candidates: Vec<Answers>,
}

/// A version's recorded answers, one for each item.
#[derive(Deserialize, Clone)]
struct Answers {
    change: String,
    version: SystemVersion,
    passed: String,
    prompt_tokens: Vec<u64>,
    completion_tokens: Vec<u64>,
}

/// Tokens written and read.
#[derive(Debug, Clone, Copy, Default)]
struct Tokens {
    generated: u64,
    all: u64,
}

impl Tokens {
    fn add(&mut self, answers: &Answers, positions: &[u32]) {
        for &position in positions {
            let written = answers.completion_tokens[position as usize];
            self.generated += written;
            self.all += written + answers.prompt_tokens[position as usize];
        }
    }
}

/// What one way to choose came to.
struct Choice {
    index: usize,
    tokens: Tokens,
}

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        None => compare_ways(),
        Some("candidates") => std::io::read_to_string(std::io::stdin())
            .map_err(|error| format!("standard input: {error}"))
            .and_then(|frozen| candidates::print(&frozen)),
        Some(other) => Err(format!("unknown argument `{other}`: nothing or `candidates`")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare_ways() -> Result<(), String> {
    let recorded: Recorded = serde_json::from_str(RECORDED)
        .map_err(|error| format!("benches/loop/recorded.json: {error}; record it again with record.py"))?;
    println!("incumbent: {} of {} pass\n", count(&recorded.incumbent.passed), recorded.items);
    for answers in &recorded.candidates {
        println!("- {} of {}: {}", count(&answers.passed), recorded.items, answers.change);
    }
    let all = recorded.candidates.len();
    let sizes = if all > FIELD { vec![FIELD, all] } else { vec![all] };
    for candidates in sizes {
        table(&recorded, candidates, "fixed first round", |_, _| FIXED_FIRST);
        table(&recorded, candidates, "first round sized by its price", |candidates, items| {
            FIXED_FIRST.min(first_items(candidates as u64, items as u64) as usize)
        });
    }
    Ok(())
}

fn table(recorded: &Recorded, candidates: usize, name: &str, first: impl Fn(usize, usize) -> usize) {
    println!("\n{candidates} candidates, {name}\n");
    println!(
        "| seed | grid | race | same or no worse | generated tokens, grid | race | part | all tokens, part | verdict, grid | race |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let (mut grids, mut races, mut agreed) = (Tokens::default(), Tokens::default(), 0);
    for seed in SEEDS {
        let field = field(recorded, candidates, seed);
        let (race_items, confirm) = split_dev(recorded.items, RACE_SHARE, seed, &[]);
        let grid = grid(&field, &race_items);
        let race = race(&field, &race_items, first(field.len(), race_items.len()));
        let agreement = agreement(&field, &grid, &race);
        agreed += u32::from(agreement != Verdict::Fail);
        let [grid_verdict, race_verdict] =
            [&grid, &race].map(|choice| verdict(recorded, &field[choice.index], &confirm));
        println!(
            "| {seed} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {grid_verdict:?} | {race_verdict:?} |",
            named(&field, &grid),
            named(&field, &race),
            words(&grid, &race, agreement),
            grid.tokens.generated,
            race.tokens.generated,
            part(race.tokens.generated, grid.tokens.generated),
            part(race.tokens.all, grid.tokens.all),
        );
        for (sum, one) in [(&mut grids, grid.tokens), (&mut races, race.tokens)] {
            sum.generated += one.generated;
            sum.all += one.all;
        }
    }
    println!(
        "\nAll seeds: {:.3} of the generated tokens, {:.3} of all tokens, the same choice or none shown to be worse in \
         {agreed} of {}.",
        part(races.generated, grids.generated),
        part(races.all, grids.all),
        SEEDS.count()
    );
}

/// So many of the candidates, drawn by the seed, the cheapest first as they were recorded.
fn field(recorded: &Recorded, candidates: usize, seed: u64) -> Vec<Answers> {
    let mut drawn = seeded_order(seed, recorded.candidates.len());
    drawn.truncate(candidates);
    drawn.sort_unstable();
    drawn.into_iter().map(|index| recorded.candidates[index].clone()).collect()
}

/// Every candidate answers every race item; the best wins, the cheaper one of equals.
fn grid(field: &[Answers], items: &[u32]) -> Choice {
    let mut tokens = Tokens::default();
    let mut best = (0, 0);
    for (index, answers) in field.iter().enumerate() {
        tokens.add(answers, items);
        let passed = count(&select(&answers.passed, items));
        if index == 0 || passed > best.1 {
            best = (index, passed);
        }
    }
    Choice { index: best.0, tokens }
}

/// Sequential halving, by the very code of the loop.
fn race(field: &[Answers], items: &[u32], first: usize) -> Choice {
    let candidate =
        |answers: &Answers| Candidate { version: answers.version.clone(), change: answers.change.clone() };
    let mut race = Race::new(field.iter().map(candidate).collect(), items.to_vec(), first);
    let mut tokens = Tokens::default();
    while !race.legs().is_empty() {
        for leg in race.legs() {
            tokens.add(&field[leg.runner], &leg.positions);
            race.record(leg.runner, &select(&field[leg.runner].passed, &leg.positions));
        }
        race.close_round();
    }
    Choice { index: race.finalist().unwrap_or_default(), tokens }
}

/// Whether the race's choice is shown to be worse than the grid's over all items, two-sided at alpha.
fn agreement(field: &[Answers], grid: &Choice, race: &Choice) -> Verdict {
    compare(&field[grid.index].passed, &field[race.index].passed, ALPHA.half()).verdict
}

/// What the gate says of a choice on the items that did not choose it.
fn verdict(recorded: &Recorded, choice: &Answers, confirm: &[u32]) -> Verdict {
    let [before, after] = [&recorded.incumbent, choice].map(|answers| select(&answers.passed, confirm));
    let PairedEvidence { verdict, .. } = compare(&before, &after, ALPHA);
    verdict
}

fn named(field: &[Answers], choice: &Choice) -> String {
    format!("{} ({} pass)", choice.index + 1, count(&field[choice.index].passed))
}

fn words(grid: &Choice, race: &Choice, agreement: Verdict) -> &'static str {
    match (grid.index == race.index, agreement) {
        (true, _) => "same",
        (false, Verdict::Fail) => "worse",
        (false, Verdict::Pass) => "better",
        (false, Verdict::Inconclusive) => "no worse",
    }
}

fn part(some: u64, all: u64) -> f64 {
    some as f64 / all as f64
}

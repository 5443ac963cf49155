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
        "| seed | grid | race | same or no worse | generated tokens, grid | race | part | gate, grid | race |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let rows: Vec<Row> = SEEDS.map(|seed| Row::new(recorded, candidates, seed, &first)).collect();
    for row in &rows {
        row.print();
    }
    let sum = |count: fn(&Row) -> u64| rows.iter().map(count).sum::<u64>();
    println!(
        "\nAll seeds: {:.3} of the generated tokens and {:.3} of all tokens; the same candidate in {}, one not shown \
         to be worse in {}, the same version at the iteration's end in {} of {}.",
        part(sum(|row| row.race.tokens.generated), sum(|row| row.grid.tokens.generated)),
        part(sum(|row| row.race.tokens.all), sum(|row| row.grid.tokens.all)),
        sum(|row| u64::from(row.race.index == row.grid.index)),
        sum(|row| u64::from(row.agreement != Verdict::Fail)),
        sum(|row| u64::from(row.ends[0] == row.ends[1])),
        rows.len()
    );
}

/// Both ways under one seed.
struct Row {
    seed: u64,
    field: Vec<Answers>,
    grid: Choice,
    race: Choice,
    /// The race's choice against the grid's over all items, two-sided at alpha.
    agreement: Verdict,
    verdicts: [Verdict; 2],
    /// The version at the iteration's end; `None` is the incumbent.
    ends: [Option<usize>; 2],
}

impl Row {
    fn new(
        recorded: &Recorded,
        candidates: usize,
        seed: u64,
        first: &impl Fn(usize, usize) -> usize,
    ) -> Self {
        let field = field(recorded, candidates, seed);
        let (race_items, confirm) = split_dev(recorded.items, RACE_SHARE, seed, &[]);
        let grid = grid(&field, &race_items);
        let race = race(&field, &race_items, first(field.len(), race_items.len()));
        let agreement = compare(&field[grid.index].passed, &field[race.index].passed, ALPHA.half()).verdict;
        let verdicts = [&grid, &race].map(|choice| verdict(recorded, &field[choice.index], &confirm));
        let end = |choice: &Choice, verdict: Verdict| (verdict == Verdict::Pass).then_some(choice.index);
        let ends = [end(&grid, verdicts[0]), end(&race, verdicts[1])];
        Self { seed, field, grid, race, agreement, verdicts, ends }
    }

    fn print(&self) {
        let named = |choice: &Choice| {
            format!("{} ({} pass)", choice.index + 1, count(&self.field[choice.index].passed))
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {:.2} | {:?} | {:?} |",
            self.seed,
            named(&self.grid),
            named(&self.race),
            self.words(),
            self.grid.tokens.generated,
            self.race.tokens.generated,
            part(self.race.tokens.generated, self.grid.tokens.generated),
            self.verdicts[0],
            self.verdicts[1],
        );
    }

    fn words(&self) -> &'static str {
        match (self.grid.index == self.race.index, self.agreement) {
            (true, _) => "same",
            (false, Verdict::Fail) => "worse",
            (false, Verdict::Pass) => "better",
            (false, Verdict::Inconclusive) => "no worse",
        }
    }
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

/// What the gate says of a choice on the items that did not choose it.
fn verdict(recorded: &Recorded, choice: &Answers, confirm: &[u32]) -> Verdict {
    let [before, after] = [&recorded.incumbent, choice].map(|answers| select(&answers.passed, confirm));
    let PairedEvidence { verdict, .. } = compare(&before, &after, ALPHA);
    verdict
}

fn part(some: u64, all: u64) -> f64 {
    some as f64 / all as f64
}

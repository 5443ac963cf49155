use super::*;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::id::ModelId;
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use proptest::prelude::*;

fn candidate(name: &str) -> Candidate {
    let weights = ArtifactRef { digest: Digest::of(b"weights"), size: 7, media_type: "x".into() };
    let version = SystemVersion {
        model: ModelBinding { id: ModelId::new("m"), weights, files: Default::default() }.into(),
        adapter: None,
        prompt: Prompt { system: name.into(), user: "{{input}}".into(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    };
    Candidate { version, change: name.into() }
}

fn race(candidates: usize, items: u32, first: usize) -> Race {
    let candidates = (0..candidates).map(|index| candidate(&index.to_string())).collect();
    Race::new(candidates, (0..items).rev().collect(), first)
}

/// Runs a race in which candidate `i` passes an item when `passes(i, position)`.
fn run(mut race: Race, passes: impl Fn(usize, u32) -> bool) -> (Race, Vec<Halved>) {
    let mut rounds = Vec::new();
    while !race.legs().is_empty() {
        for leg in race.legs() {
            let grade = |&position: &u32| if passes(leg.runner, position) { '1' } else { '0' };
            let grades: String = leg.positions.iter().map(grade).collect();
            race.record(leg.runner, &grades);
        }
        rounds.push(race.close_round());
    }
    (race, rounds)
}

#[test]
fn the_best_candidate_wins_and_every_round_halves() {
    let (race, rounds) = run(race(8, 50, 12), |runner, position| position as usize % 8 <= runner);
    let sizes: Vec<_> = rounds.iter().map(|round| (round.items, round.kept.len())).collect();
    assert_eq!(sizes, [(12, 4), (24, 2), (48, 1)]);
    assert_eq!(race.finalist(), Some(7));
}

#[test]
fn a_tie_is_for_the_cheaper_candidate() {
    let (race, _) = run(race(5, 40, 10), |_, _| true);
    assert_eq!(race.finalist(), Some(0));
}

#[test]
fn a_single_candidate_is_the_finalist_without_a_race() {
    let (race, rounds) = run(race(1, 40, 10), |_, _| true);
    assert_eq!((race.finalist(), rounds.len()), (Some(0), 0));
}

proptest! {
    #[test]
    fn candidates_of_a_round_answer_the_same_items_once(
        candidates in 1usize..20, items in 1u32..80, first in 1usize..20, seed in any::<u64>(),
    ) {
        let passes = move |runner: usize, position: u32| {
            (seed.rotate_left((runner as u32 * 7 + position) % 64) & 1) == 1
        };
        let (race, _) = run(race(candidates, items, first), passes);
        prop_assert!(race.finalist().is_some());
        for runner in 0..candidates {
            let expected: String = race.order()[..race.passed(runner).len()]
                .iter()
                .map(|&position| if passes(runner, position) { '1' } else { '0' })
                .collect();
            prop_assert_eq!(race.passed(runner), expected);
        }
    }
}

use super::*;
use proptest::prelude::*;

fn fresh() -> LoopState {
    LoopState {
        iterations: 0,
        max_iterations: 3,
        techniques: vec![
            TechniqueState { technique: Technique::Prompt, rejections: 0, has_candidates: true },
            TechniqueState { technique: Technique::Rag, rejections: 0, has_candidates: false },
        ],
        promise_on_dev: Verdict::Fail,
        gate: None,
        looks_left: 5,
        exhausted: None,
        problem: None,
    }
}

fn prompt(rejections: u32, has_candidates: bool) -> Vec<TechniqueState> {
    vec![TechniqueState { technique: Technique::Prompt, rejections, has_candidates }]
}

/// Every rule once, and every pair whose order matters.
#[test]
fn transition_table() {
    let rows: Vec<(&str, LoopState)> = vec![
        ("dev rules the promise out", fresh()),
        ("dev does not rule it out", LoopState { promise_on_dev: Verdict::Inconclusive, ..fresh() }),
        ("dev shows it", LoopState { promise_on_dev: Verdict::Pass, ..fresh() }),
        ("the test was inconclusive", LoopState { gate: Some(Verdict::Inconclusive), ..fresh() }),
        ("the test failed", LoopState { gate: Some(Verdict::Fail), ..fresh() }),
        ("the test passed", LoopState { gate: Some(Verdict::Pass), ..fresh() }),
        ("barred", LoopState { techniques: prompt(2, true), ..fresh() }),
        (
            "barred after a look",
            LoopState { techniques: prompt(2, true), gate: Some(Verdict::Fail), ..fresh() },
        ),
        ("pool used up", LoopState { techniques: prompt(1, false), ..fresh() }),
        ("iterations used up", LoopState { iterations: 3, ..fresh() }),
        ("iterations and looks used up", LoopState { iterations: 3, looks_left: 0, ..fresh() }),
        ("budget used up", LoopState { exhausted: Some(Resource::Tokens), ..fresh() }),
        (
            "passed and budget used up",
            LoopState { exhausted: Some(Resource::Tokens), gate: Some(Verdict::Pass), ..fresh() },
        ),
        ("a problem", LoopState { problem: Some("line 3 of dev.jsonl".into()), ..fresh() }),
    ];
    let table: String = rows.iter().map(|(name, state)| row(name, &loop_step(state))).collect();
    insta::assert_snapshot!(table);
}

fn row(name: &str, next: &NextStep) -> String {
    let rejected: Vec<String> = next.rejected.iter().map(|(who, why)| format!("{who}: {why}")).collect();
    format!("{name:30} -> {:?}\n    because {}\n    not {rejected:?}\n", next.step, next.why)
}

proptest! {
    /// However the measurements fall, the loop ends, and a look never repeats for one incumbent.
    #[test]
    fn every_run_ends(outcomes in proptest::collection::vec((any::<bool>(), 0u8..3), 40), looks in 0u32..4) {
        let mut state = LoopState { looks_left: looks, ..fresh() };
        for (promoted, verdict) in outcomes {
            match loop_step(&state).step {
                Step::Stop(_) => return Ok(()),
                Step::Gate => {
                    prop_assert!(state.gate.is_none() && state.looks_left > 0);
                    state.looks_left -= 1;
                    state.gate = Some([Verdict::Pass, Verdict::Fail, Verdict::Inconclusive][verdict as usize]);
                }
                Step::Improve(_) => {
                    state.iterations += 1;
                    if promoted { state.gate = None } else { state.techniques[0].rejections += 1 }
                }
            }
        }
        prop_assert!(false, "the loop did not end: {state:?}");
    }
}

use super::*;
use proptest::prelude::*;

fn fresh() -> LoopState {
    LoopState {
        iterations: 0,
        max_iterations: 3,
        techniques: vec![
            TechniqueState::fresh(Technique::Prompt),
            TechniqueState { missing: Some("no documents".into()), ..TechniqueState::fresh(Technique::Rag) },
        ],
        diagnosis: Vec::new(),
        reading: Reading::Done,
        promise_on_dev: Verdict::Fail,
        excess: None,
        gate: None,
        looks_left: 5,
        exhausted: None,
        problem: None,
    }
}

fn prompt(rejections: u32, has_candidates: bool) -> Vec<TechniqueState> {
    vec![TechniqueState { rejections, has_candidates, ..TechniqueState::fresh(Technique::Prompt) }]
}

fn slow() -> LoopState {
    LoopState { promise_on_dev: Verdict::Pass, excess: Some("an answer takes 3 s".into()), ..fresh() }
}

fn distil(known: TechniqueState) -> LoopState {
    LoopState { techniques: vec![known], ..slow() }
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
        ("too slow, and distil may be used", distil(TechniqueState::fresh(Technique::Distil))),
        ("too slow, and distil is not in the spec", LoopState { techniques: prompt(0, true), ..slow() }),
        (
            "too slow, and distil is barred",
            distil(TechniqueState { rejections: 2, ..TechniqueState::fresh(Technique::Distil) }),
        ),
        ("too slow, and the promise is ruled out", LoopState { promise_on_dev: Verdict::Fail, ..slow() }),
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

fn row_of(category: Category, share: f64, repair_rate: f64) -> DiagnosisRow {
    DiagnosisRow { category, items: (share * 64.0) as u32, share, repair_rate, examples: vec![0] }
}

/// The ladder of the issue: what fails decides, in whatever order the spec names the techniques.
#[test]
fn failures_choose_the_technique() {
    let closed_book = vec![
        row_of(Category::Knowledge, 0.35, 0.4),
        row_of(Category::GenerationMiss, 0.4, 0.3),
        row_of(Category::Tool, 0.05, 0.1),
        row_of(Category::Harm, 0.2, 0.3),
    ];
    let with_passages =
        vec![row_of(Category::GenerationMiss, 0.6, 0.3), row_of(Category::RetrievalMiss, 0.1, 0.3)];
    let all = [Technique::FineTune, Technique::Prompt, Technique::Rag, Technique::Tools];
    let after = "retrieval comes first";
    let techniques = |is_read: bool| -> Vec<TechniqueState> {
        let missing = |technique| {
            (!is_read && matches!(technique, Technique::FineTune | Technique::Tools))
                .then(|| after.to_owned())
        };
        all.into_iter()
            .map(|one| TechniqueState { missing: missing(one), ..TechniqueState::fresh(one) })
            .collect()
    };
    let rejected_prompt = |mut techniques: Vec<TechniqueState>, times: usize| {
        techniques[1].rejections = times as u32;
        techniques[1].rejected_for = vec![Category::GenerationMiss; times];
        techniques
    };
    let format = vec![row_of(Category::Format, 0.7, 0.8), row_of(Category::GenerationMiss, 0.3, 0.3)];
    let harm = vec![row_of(Category::Harm, 1.0, 0.3)];
    let defects = vec![row_of(Category::EvaluationDefect, 1.0, 1.0)];
    let state = |diagnosis: &Vec<DiagnosisRow>, techniques| LoopState {
        diagnosis: diagnosis.clone(),
        techniques,
        ..fresh()
    };
    let rows = [
        ("closed book", LoopState { reading: Reading::Missing, ..state(&closed_book, techniques(false)) }),
        ("passages are shown", state(&with_passages, techniques(true))),
        ("the prompt failed once", state(&with_passages, rejected_prompt(techniques(true), 1))),
        ("the prompt is barred", state(&with_passages, rejected_prompt(techniques(true), 2))),
        ("the form is wrong", state(&format, techniques(true))),
        ("harm", state(&harm, techniques(true))),
        ("defects alone", state(&defects, techniques(true))),
    ];
    let table: String = rows.iter().map(|(name, state)| row(name, &loop_step(state))).collect();
    insta::assert_snapshot!(table);
}

//! Whole scoring jobs on a tiny random model.

use empiric_schema::budget::Spend;
use empiric_schema::job::*;

use crate::runner::fixture::{Job, lines, reference, version};

fn scoring(continuations: Continuations) -> Job {
    Job::new(|weights, items| {
        JobKind::Score(Box::new(ScoreParams {
            version: version(weights, items.clone()),
            items,
            positions: vec![2, 0, 1],
            continuations,
            batch: 2,
        }))
    })
}

fn labels(texts: &[&str]) -> Continuations {
    Continuations::Fixed { texts: texts.iter().map(|text| (*text).to_owned()).collect() }
}

fn params(job: &mut Job) -> &mut ScoreParams {
    match &mut job.file.spec.kind {
        JobKind::Score(params) => params,
        _ => unreachable!("the fixture is a scoring"),
    }
}

#[test]
fn a_scoring_leaves_scores_progress_and_an_exit() {
    let job = scoring(labels(&["in", " the key", "x"]));
    let exit = job.run();
    let expected = (ExitClass::Success, "9 continuations of 3 items scored");
    assert_eq!((exit.class, exit.message.as_str()), expected);
    let results: Vec<ItemScores> = lines(&job.path("out/scores.jsonl"));
    let order: Vec<(&str, u32)> = results.iter().map(|r| (r.id.as_str(), r.position)).collect();
    assert_eq!(order, [("c", 2), ("a", 0), ("b", 1)]);
    for result in &results {
        let texts: Vec<(&str, u32)> = result.scores.iter().map(|s| (s.text.as_str(), s.tokens)).collect();
        assert_eq!(texts, [("in", 1), (" the key", 5), ("x", 1)]);
        for score in &result.scores {
            assert!(score.log_probability < 0.0 && score.log_probability_with_end < score.log_probability);
        }
    }
    assert_eq!(exit.outputs["scores.jsonl"].digest, reference(&job.path("out/scores.jsonl")).digest);
    let read: u64 = results.iter().map(|result| u64::from(result.prompt_tokens) + 7).sum();
    assert_eq!((exit.usage.prompt_tokens, exit.usage.completion_tokens), (read, 0));
    let progress: Vec<Progress> = lines(&job.path(PROGRESS_FILE));
    assert_eq!(progress[0].phase, "load");
    let last = progress.last().unwrap();
    assert_eq!((last.phase.as_str(), last.step, last.total, last.unit.as_str()), ("score", 3, 3, "item"));
    assert!(last.metrics["tokens_per_second"] > 0.0);
}

#[test]
fn expected_answers_are_each_items_own() {
    let job = scoring(Continuations::Expected);
    assert_eq!(job.run().message, "4 continuations of 3 items scored");
    let results: Vec<ItemScores> = lines(&job.path("out/scores.jsonl"));
    let texts: Vec<Vec<&str>> =
        results.iter().map(|result| result.scores.iter().map(|s| s.text.as_str()).collect()).collect();
    assert_eq!(texts, [vec!["never said"], vec!["zzzzzz"], vec!["yyyyyy", "x"]]);
}

#[test]
fn the_same_scoring_gives_the_same_bytes() {
    let digest = || scoring(labels(&["in", "x"])).run().outputs["scores.jsonl"].digest.clone();
    assert_eq!(digest(), digest());
}

#[test]
fn scorings_that_cannot_be_done_are_refused() {
    let check = |change: fn(&mut Job), message: &str| {
        let mut job = scoring(labels(&["in", "x"]));
        change(&mut job);
        job.fails(ExitClass::InvalidInput, message);
    };
    check(|job| params(job).continuations = labels(&[]), "no texts to score");
    check(|job| params(job).continuations = labels(&["a", "b", "a"]), "the text `a` is to be scored twice");
    check(|job| params(job).positions = vec![0, 3], "position 3 is outside the data: the file has 3 items");
    check(
        |job| params(job).continuations = labels(&[&"x".repeat(500)]),
        "exceeds the model's context of 512",
    );
    check(|job| job.file.outputs.push("results.jsonl".into()), "`results.jsonl` was asked for");
}

#[test]
fn a_reservation_stops_a_scoring_in_flight() {
    let mut job = scoring(labels(&["in", "x"]));
    job.file.spec.reserve = Spend { tokens: 100, ..Spend::default() };
    job.fails(ExitClass::BudgetExhausted, "of 3 items");
}

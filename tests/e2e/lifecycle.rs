//! Whole runs without faults: what is decided, and how large their histories are.

use empiric_schema::budget::Resource;
use empiric_schema::contract::Record;
use empiric_schema::decision::{Decision, StopReason};
use empiric_schema::evidence::Verdict;
use empiric_schema::view::{Reference, RunState, RunView, Stage};

use crate::bench::{Bench, ladder, project};
use crate::fakes::{Call, Fault, Script, examples_help, ladder_fails, ladder_helps, nothing_helps};

/// Events that a workflow of the default size may have.
const MOST_EVENTS: usize = 500;
/// Temporal warns of payloads from 256 KiB on and refuses 2 MiB. In JSON, bytes are a third longer.
const LARGEST_EVENT: usize = 256 << 10;

fn kinds(view: &RunView) -> Vec<&'static str> {
    let kind = |decision: &Decision| match decision {
        Decision::Scope { .. } => "scope",
        Decision::Improve { .. } => "improve",
        Decision::Diagnose { .. } => "diagnose",
        Decision::Build { .. } => "build",
        Decision::Halve { .. } => "halve",
        Decision::Promote { .. } => "promote",
        Decision::Gate { .. } => "gate",
        Decision::Answered { .. } => "answered",
        Decision::RollOut { .. } => "rolled out",
        Decision::Stop { .. } => "stop",
    };
    view.decisions.iter().map(|record| kind(&record.decision)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_prompt_is_promoted_and_the_promise_is_kept() {
    let bench = Bench::start().await;
    let (run, view) = bench.run_to_end(project(""), Script::new(examples_help)).await;
    assert_eq!(view.stop, Some(StopReason::Success));
    assert_eq!((view.stage, view.state), (Stage::Done, RunState::Finished));
    let mut kinds = kinds(&view);
    kinds.dedup();
    assert_eq!(kinds, ["scope", "improve", "halve", "promote", "gate", "stop"]);
    let verdicts: Vec<_> = view.decisions.iter().filter_map(|record| verdict(&record.decision)).collect();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Pass], "the promotion and the gate");
    let sequence: Vec<u32> = view.decisions.iter().map(|record| record.sequence).collect();
    assert_eq!(sequence, (1..=view.decisions.len() as u32).collect::<Vec<_>>());
    let tested: Vec<_> = view.measurements.iter().filter(|point| point.split == "test").collect();
    assert_eq!(tested.iter().map(|point| (point.n, point.passed)).collect::<Vec<_>>(), [(60, 48), (60, 6)]);
    assert_eq!(run.script.look(|seen| seen.jobs.len()), view.jobs as usize);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_cannot_be_told_is_said_and_the_run_keeps_its_success() {
    let bench = Bench::start().await;
    let script =
        Script::new(examples_help).with_faults(|call, _| (*call == Call::Offer).then_some(Fault::Refuse));
    let (_, view) = bench.run_to_end(project("deploy: {stages: [{name: internal}]}\n"), script).await;
    assert_eq!(view.stop, Some(StopReason::Success));
    let told = &view.decisions[view.decisions.len() - 2];
    assert!(matches!(told.decision, Decision::RollOut { workflow: None, .. }), "{told:?}");
    assert!(told.why.contains("`empiric promote` brings it"), "{}", told.why);
    bench.stop().await;
}

fn verdict(decision: &Decision) -> Option<Verdict> {
    match decision {
        Decision::Promote { evidence, .. } => Some(evidence.verdict),
        Decision::Gate { verdict, .. } => Some(*verdict),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_better_prompt_the_run_ends_on_a_plateau_after_a_closing_look() {
    let bench = Bench::start().await;
    let (_, view) = bench.run_to_end(project(""), Script::new(nothing_helps)).await;
    assert_eq!(view.stop, Some(StopReason::Plateau));
    let verdicts: Vec<_> = view.decisions.iter().filter_map(|record| verdict(&record.decision)).collect();
    assert_eq!(verdicts, [Verdict::Inconclusive, Verdict::Fail]);
    let Some(Decision::Stop { next, .. }) = view.decisions.last().map(|record| &record.decision) else {
        panic!("{view:?}");
    };
    assert!(!next.is_empty(), "a person is told what to try");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_model_gets_every_decision_once_and_the_last_view() {
    let bench = Bench::start().await;
    let (run, view) = bench.run_to_end(project(""), Script::new(examples_help)).await;
    run.script.look(|seen| {
        let decisions: Vec<_> = seen
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Decision(decision) => Some((**decision).clone()),
                _ => None,
            })
            .collect();
        assert_eq!(decisions, view.decisions);
        let mut views = seen.records.iter().filter_map(|record| match record {
            Record::Run(view) => Some(&**view),
            _ => None,
        });
        assert_eq!(views.next_back(), Some(&view));
        let rows = seen.records.iter().filter(|record| matches!(record, Record::Job(_))).count();
        assert_eq!(rows, view.jobs as usize);
    });
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_run_has_short_histories_and_a_large_one_small_payloads() {
    let bench = Bench::start().await;
    let (run, _) = bench.run_to_end(project(""), Script::new(examples_help)).await;
    let events = run.history().into_events().await.unwrap().len();
    let in_iteration = run.iteration_history().into_events().await.unwrap().len();
    println!("{events} events in the lifecycle, {in_iteration} in an iteration of 8 candidates");
    assert!(events < MOST_EVENTS && in_iteration < MOST_EVENTS, "{events} and {in_iteration} events");

    let mut large = Script::new(examples_help);
    (large.dev, large.test) = (5000, 5000);
    let (run, view) = bench.run_to_end(project(""), large).await;
    assert_eq!(view.stop, Some(StopReason::Success));
    for history in [run.history(), run.iteration_history()] {
        for event in history.into_events().await.unwrap() {
            let size = serde_json::to_vec(&event).unwrap().len();
            assert!(size < LARGEST_EVENT, "event {} has {size} bytes", event.event_id);
        }
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_uses_up_its_share_is_paid_for_and_ends_the_run() {
    let bench = Bench::start().await;
    for label in ["first measurement", "iteration 1, round 1, c3", "locked test"] {
        let script = Script::new(examples_help)
            .with_faults(move |call, _| (*call == Call::Job(label.to_owned())).then_some(Fault::Exhaust));
        let (run, view) = bench.run_to_end(project("budget: {tokens: 4000000}\n"), script).await;
        assert_eq!(view.stop, Some(StopReason::Budget { resource: Resource::Tokens }), "{label}");
        assert_eq!(run.script.look(|seen| seen.worked), view.jobs, "{label}");
        assert!(view.spend.tokens > 0, "{label}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_run_out_stop_the_run_before_the_next_job() {
    let bench = Bench::start().await;
    // The first measurement takes all 4000.
    let (run, view) = bench.run_to_end(project("budget: {tokens: 4000}\n"), Script::new(examples_help)).await;
    assert_eq!(view.stop, Some(StopReason::Budget { resource: Resource::Tokens }));
    assert_eq!(run.script.look(|seen| seen.jobs.clone()), ["first measurement"]);
    assert_eq!(view.spend.tokens, 4000);
    bench.stop().await;
}

/// The loop as a whole: nothing but the failures says that passages come before learning.
#[tokio::test(flavor = "multi_thread")]
async fn failures_lead_from_closed_book_over_passages_to_learning_and_the_promise_is_kept() {
    let bench = Bench::start().await;
    let script = Script::new(ladder_helps).diagnosed(ladder_fails);
    let (run, view) = bench.run_to_end(ladder(), script).await;
    assert_eq!(view.stop, Some(StopReason::Success), "{:#?}", view.decisions.last());
    let taken: Vec<&str> = view.iterations.iter().map(|iteration| iteration.technique.as_str()).collect();
    assert_eq!(taken, ["rag", "fine_tune"]);
    let kinds = kinds(&view);
    let count = |wanted: &str| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!(
        (count("diagnose"), count("gate")),
        (2, 2),
        "passages alone do not rule the promise out on dev"
    );
    assert_eq!(count("build"), 1 + 3, "an index; then chats, a sweep and the whole data");
    let labels = run.script.look(|seen| seen.jobs.clone());
    assert!(labels.iter().any(|label| label == "probes of 36 failures"), "{labels:?}");
    assert_eq!(labels.len(), view.jobs as usize);
    let again = &view.comparisons[0];
    assert_eq!((again.reference, again.n, again.differ), (Reference::Again, view.measurements[0].n, 0));
    bench.stop().await;
}

/// What is measured beside the system decides nothing, and so it may not end anything either.
#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_that_cannot_be_measured_ends_no_run() {
    let bench = Bench::start().await;
    for fault in [Fault::Refuse, Fault::Exhaust] {
        let is_beside = |call: &Call| matches!(call, Call::Job(label) if label.ends_with(" on dev"));
        let script = Script::new(ladder_helps)
            .diagnosed(ladder_fails)
            .with_faults(move |call, _| is_beside(call).then_some(fault));
        let (_, view) = bench.run_to_end(ladder(), script).await;
        assert_eq!(view.stop, Some(StopReason::Success), "{fault:?}");
        assert!(!view.comparisons.is_empty() && view.comparisons.iter().all(|one| one.n == 0), "{fault:?}");
    }
    bench.stop().await;
}

/// A margin asks for proof, and what was not measured was not shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_finalist_that_is_not_shown_to_stay_within_a_margin_is_not_promoted() {
    let bench = Bench::start().await;
    let mut spec = project("");
    spec.gate.guards.latency = Some(2.0);
    let (_, view) = bench.run_to_end(spec, Script::new(examples_help)).await;
    let mut promotions = view.decisions.iter().filter(|one| matches!(one.decision, Decision::Promote { .. }));
    let (verdict, why) = promotions.next().map(|one| (verdict(&one.decision), &one.why)).unwrap();
    assert_eq!(verdict, Some(Verdict::Inconclusive));
    assert!(why.contains("time of an answer is not shown to stay within the margin of 2"), "{why}");
    bench.stop().await;
}

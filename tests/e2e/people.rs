//! Questions to people: who waits, what an answer changes, and that nothing but an answer decides.

use std::sync::atomic::{AtomicBool, Ordering};

use empiric_schema::budget::Resource;
use empiric_schema::contract::{GivenRemark, Record};
use empiric_schema::decision::{Decision, StopReason};
use empiric_schema::diagnosis::Category;
use empiric_schema::id::ItemId;
use empiric_schema::question::QuestionAbout;
use empiric_schema::version::SystemVersion;
use empiric_schema::view::{RunState, RunView};
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::errors::WorkflowGetResultError;
use temporalio_client::{WorkflowCancelOptions, WorkflowExecuteUpdateOptions};

use crate::bench::{Bench, Say, TestRun, project};
use crate::fakes::{Call, Fault, Script, examples_help};

/// Every fifth failure is the data's own; the others a better prompt repairs.
fn every_fifth_is_wrong(_: &SystemVersion, position: u32) -> Category {
    if position % 5 == 1 { Category::EvaluationDefect } else { Category::Format }
}

fn suspicious() -> Script {
    Script::new(examples_help).diagnosed(every_fifth_is_wrong)
}

/// Gives the workflow every chance to go on: each question is a workflow task of its own.
async fn ask_often(run: &TestRun) {
    for _ in 0..30 {
        run.view().await;
    }
}

/// The run asks its first question and has begun no iteration.
async fn waits(run: &TestRun) {
    run.question(|question| question.number == 1).await;
    let view = run.view().await;
    assert_eq!(view.open_questions().count(), 1);
    assert!(view.activity.starts_with("waits for a person: question 1"), "{}", view.activity);
    let begun = run.script.look(|seen| seen.jobs.iter().filter(|job| job.starts_with("iteration")).count());
    assert_eq!(begun, 0);
}

fn answers(view: &RunView) -> Vec<(u32, bool)> {
    let answered = view.decisions.iter().filter_map(|record| match &record.decision {
        Decision::Answered { number, answer, .. } => Some((*number, answer.approved)),
        _ => None,
    });
    answered.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_asks_about_suspect_items_and_goes_on_when_they_are_vouched_for() {
    let bench = Bench::start().await;
    let run = bench.run(project(""), suspicious()).await;
    waits(&run).await;
    let asked = run.view().await.questions[0].clone();
    assert_eq!(asked.about, QuestionAbout::EvaluationDefects);
    assert!(asked.text.starts_with("8 of 36 probed failures (22 %)"), "{}", asked.text);
    assert!(
        asked.context.iter().any(|line| line == "dev lines 2, 7, 12, 17, 22, 27, 32, 37"),
        "{:?}",
        asked.context
    );
    assert_eq!(asked.deadline - asked.asked, 24.0 * 3600.0);
    let answered = run.answer(1, Say::Approve).await.unwrap();
    assert_eq!(answered.answer.map(|answer| (answer.approved, answer.by)), Some((true, "ada".to_owned())));
    let view = run.end().await;
    assert_eq!((view.stop.as_ref(), answers(&view)), (Some(&StopReason::Success), vec![(1, true)]));
    assert!(!view.questions[0].is_open());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_items_are_rejected_stops_and_says_who_said_what() {
    let bench = Bench::start().await;
    let run = bench.run(project(""), suspicious()).await;
    waits(&run).await;
    run.answer(1, Say::Reject("line 7 has last year's price")).await.unwrap();
    let view = run.end().await;
    let Some(StopReason::NeedsPerson { problem }) = &view.stop else { panic!("{:?}", view.stop) };
    assert!(problem.contains("ada") && problem.contains("line 7 has last year's price"), "{problem}");
    assert_eq!((answers(&view), view.iteration), (vec![(1, false)], 0));
    let written = run.script.look(|seen| {
        let is_answer = |record: &&Record| matches!(record, Record::Decision(one) if matches!(one.decision, Decision::Answered { .. }));
        seen.records.iter().filter(is_answer).count()
    });
    assert_eq!(written, 1, "the read model has the answer");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_escalates_a_question_and_decides_nothing() {
    let bench = Bench::start().await;
    let run = bench.run(project("people: {deadline: 500ms}\n"), suspicious()).await;
    let late = run.question(|question| question.escalated.is_some()).await;
    assert!(late.is_open() && late.escalated >= Some(late.deadline), "{late:?}");
    let begun = run.script.look(|seen| seen.jobs.len());
    ask_often(&run).await;
    let view = run.view().await;
    assert_eq!((view.state, view.open_questions().count()), (RunState::Running, 1));
    assert_eq!(run.script.look(|seen| seen.jobs.len()), begun);
    run.answer(1, Say::Approve).await.unwrap();
    let view = run.end().await;
    assert_eq!((view.stop.as_ref(), answers(&view)), (Some(&StopReason::Success), vec![(1, true)]));
    assert_eq!(view.questions[0].escalated, late.escalated);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_answer_and_one_to_no_question_are_refused_in_words() {
    let bench = Bench::start().await;
    let run = bench.run(project(""), suspicious().holding("iteration 1")).await;
    waits(&run).await;
    let unknown = run.answer(2, Say::Approve).await.unwrap_err().to_string();
    assert!(unknown.contains("there is no question 2; open is question 1"), "{unknown}");
    run.answer(1, Say::Approve).await.unwrap();
    let second = run.answer(1, Say::Reject("too late")).await.unwrap_err().to_string();
    assert!(second.contains("question 1 was approved by ada already"), "{second}");
    run.script.hold(None);
    assert_eq!(answers(&run.end().await), [(1, true)]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_replaced_while_a_question_waits_loses_nothing() {
    let bench = Bench::start().await;
    let run = bench.run(project("people: {deadline: 2s}\n"), suspicious()).await;
    waits(&run).await;
    let before = run.view().await.questions;
    let bench = bench.restart().await;
    assert_eq!(run.view().await.questions, before, "read from the history alone");
    run.question(|question| question.escalated.is_some()).await;
    let bench = bench.restart().await;
    run.answer(1, Say::Approve).await.unwrap();
    let view = run.end().await;
    assert_eq!((view.stop.as_ref(), answers(&view)), (Some(&StopReason::Success), vec![(1, true)]));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_clock_limit_and_a_cancellation_end_a_run_that_waits() {
    let bench = Bench::start().await;
    let run = bench.run(project("budget: {wall_clock: 4s}\n"), suspicious()).await;
    waits(&run).await;
    let view = run.end().await;
    assert_eq!(view.stop, Some(StopReason::Budget { resource: Resource::WallClock }));
    assert!(view.questions[0].is_open() && view.questions[0].escalated.is_none());
    assert_eq!(view.open_questions().count(), 0, "an ended run waits for nobody");

    let run = bench.run(project("people: {deadline: 1d}\n"), suspicious()).await;
    waits(&run).await;
    run.handle.cancel(WorkflowCancelOptions::default()).await.unwrap();
    let ended = run.result().await;
    assert!(matches!(ended, Err(WorkflowGetResultError::Cancelled { .. })), "{ended:?}");
    assert_eq!(run.view().await.stop, Some(StopReason::Cancelled));
    bench.stop().await;
}

/// A script in which the share of one job is used up once.
fn exhausted_once(label: &'static str) -> Script {
    let was = AtomicBool::new(false);
    Script::new(examples_help).with_faults(move |call, _| {
        let strikes = *call == Call::Job(label.to_owned()) && !was.swap(true, Ordering::Relaxed);
        strikes.then_some(Fault::Exhaust)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn more_is_spent_when_a_person_allows_it_and_the_run_goes_on_where_it_was() {
    let bench = Bench::start().await;
    let spec = "budget: {tokens: 4000000}\npeople: {approve: [spend]}\n";
    for label in ["first measurement", "iteration 1, round 1, c3", "locked test"] {
        // A look that the budget ended is paid for: it is taken up again.
        let mut spec = project(spec);
        spec.gate.test_looks = 1;
        let run = bench.run(spec, exhausted_once(label)).await;
        let asked = run.question(|question| question.number == 1).await;
        assert_eq!(asked.about, QuestionAbout::Spend { resource: Resource::Tokens }, "{label}");
        assert!(asked.text.ends_with("May the run spend 4000000 tokens more?"), "{}", asked.text);
        run.answer(1, Say::Approve).await.unwrap();
        let view = run.end().await;
        assert_eq!(
            (view.stop.as_ref(), answers(&view)),
            (Some(&StopReason::Success), vec![(1, true)]),
            "{label}"
        );
        assert_eq!(view.limits.tokens, Some(8_000_000), "{label}");
        assert_eq!((view.iteration, view.iterations.len()), (1, 1), "{label}");
        let sequence: Vec<u32> = view.decisions.iter().map(|record| record.sequence).collect();
        assert_eq!(sequence, (1..=view.decisions.len() as u32).collect::<Vec<_>>(), "{label}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_may_not_spend_more_ends_as_without_the_question() {
    let bench = Bench::start().await;
    let spec = "budget: {tokens: 4000}\npeople: {approve: [spend]}\n";
    let run = bench.run(project(spec), Script::new(examples_help)).await;
    run.question(|question| question.number == 1).await;
    run.answer(1, Say::Reject("")).await.unwrap();
    let view = run.end().await;
    assert_eq!(view.stop, Some(StopReason::Budget { resource: Resource::Tokens }));
    assert_eq!(view.limits.tokens, Some(4000));
    assert_eq!(run.script.look(|seen| seen.jobs.clone()), ["first measurement"]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_kept_the_promise_is_released_by_a_person_alone() {
    let bench = Bench::start().await;
    for (say, kept) in [(Say::Approve, true), (Say::Reject("not before the holidays"), false)] {
        let run = bench.run(project("people: {approve: [release]}\n"), Script::new(examples_help)).await;
        let asked = run.question(|question| question.number == 1).await;
        assert_eq!(asked.about, QuestionAbout::Release);
        assert_eq!(run.view().await.state, RunState::Running);
        run.answer(1, say).await.unwrap();
        let view = run.end().await;
        match view.stop {
            Some(StopReason::Success) => assert!(kept),
            Some(StopReason::NeedsPerson { problem }) => {
                assert!(
                    !kept && problem.ends_with("ada did not release the version: not before the holidays"),
                    "{problem}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remark_is_kept_at_once_and_changes_no_decision() {
    let bench = Bench::start().await;
    let (_, plain) = bench.run_to_end(project(""), Script::new(examples_help)).await;
    let run = bench.run(project(""), Script::new(examples_help).holding("first measurement")).await;
    run.script.until(|seen| !seen.jobs.is_empty()).await;
    let say = |text: &str| GivenRemark {
        by: "ada".to_owned(),
        text: text.to_owned(),
        item: Some(ItemId::new("fees-3")),
        expected: Some("12 euros".to_owned()),
    };
    let send =
        |given| run.handle.execute_update(Lifecycle::remark, given, WorkflowExecuteUpdateOptions::default());
    let empty = send(say(" ")).await.unwrap_err().to_string();
    assert!(empty.contains("the remark is empty"), "{empty}");
    let kept = send(say("the fee has changed")).await.unwrap();
    assert_eq!((kept.number, kept.by.as_str()), (1, "ada"));
    let is_written = |record: &Record| matches!(record, Record::Run(view) if view.remarks == [kept.clone()]);
    assert!(
        run.script.look(|seen| seen.records.iter().any(is_written)),
        "the read model has it before the job ends"
    );
    run.script.hold(None);
    let view = run.end().await;
    assert_eq!((view.remarks.as_slice(), &view.decisions), (&[kept][..], &plain.decisions));
    bench.stop().await;
}

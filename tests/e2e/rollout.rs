//! Rollouts on a real server: a version climbs by what people judged, a worse one is taken back by itself, and a run
//! is opened from its failures. Nothing but a signed word exposes more where a person is asked.

use std::time::Instant;

use empiric_schema::contract::ReleaseClaim;
use empiric_schema::rollout::{RolloutAct, RolloutView};
use empiric_schema::spec::StageName::{Direct, Internal, Reviewed};
use empiric_schema::view::RunState;
use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use empiric_workflows::rollout::{Rollout, RolloutInput};
use temporalio_client::{WorkflowDescribeOptions, WorkflowHistory};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use crate::rollout_bench::{RolloutBench, histories, rung, version};

fn acts(view: &RolloutView) -> Vec<RolloutAct> {
    view.decisions.iter().map(|decision| decision.act).collect()
}

/// Carries a version to full exposure, as people judge it.
async fn climb(bench: &RolloutBench, prompt: &str) -> empiric_schema::artifact::Digest {
    let good = bench.release(&version(prompt)).await;
    bench.promote(&good, None).await.unwrap();
    bench.until_exposed(|shown| shown.stage == Internal && shown.serving == good).await;
    bench.readers(&good, Internal, 20, "up").await;
    bench.until_at(rung(Reviewed, 100)).await;
    bench.reviewers(&good, Reviewed, 20, "approved").await;
    bench.until_at(rung(Direct, 50)).await;
    bench.until_exposed(|shown| (shown.stage, shown.traffic) == (Direct, 50)).await;
    bench.readers(&good, Direct, 20, "up").await;
    bench.until_at(rung(Direct, 100)).await;
    bench.readers(&good, Direct, 20, "up").await;
    bench.until("it is settled", |view| view.last_good.as_ref() == Some(&good)).await;
    good
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_climbs_by_what_people_judge_and_a_worse_one_is_taken_back_by_itself() {
    let bench = RolloutBench::start().await;
    bench.begin_plain().await;
    let good = climb(&bench, "Be brief.").await;

    let worse = bench.release(&version("Be wrong.")).await;
    bench.promote(&worse, None).await.unwrap();
    let on_trial = bench.until_exposed(|shown| shown.canary.is_some()).await;
    assert_eq!(on_trial.serving, good);
    assert_eq!(on_trial.canary.map(|canary| (canary.version, canary.percent)), Some((worse.clone(), 50)));
    bench.readers(&good, Direct, 5, "up").await;
    let begun = Instant::now();
    bench.reviewers(&worse, Direct, 8, "edited").await;
    bench.until("it is taken back", |view| acts(view).contains(&RolloutAct::Demoted)).await;
    assert!(begun.elapsed().as_secs() < 10, "at once: {:?}", begun.elapsed());
    let after = bench.until_exposed(|shown| shown.canary.is_none()).await;
    assert_eq!((after.serving, after.canary, after.stage, after.traffic), (good.clone(), None, Direct, 100));

    let view = bench.until("a run is opened", |view| !view.runs.is_empty()).await;
    assert!(view.joined >= 8, "{view:#?}");
    let run = bench.end_of(&view.runs[0]).await;
    assert_eq!((run.state, run.iteration), (RunState::Finished, 1), "{:?}", run.stop);
    let measured = run.measurements.iter().find(|measured| measured.split == "dev").unwrap();
    assert!(measured.n > 16, "failures are measured too: {measured:?}");
    assert_eq!(measured.version, good, "it starts from what is served");

    let expected = [
        RolloutAct::Entered,
        RolloutAct::Promoted,
        RolloutAct::Promoted,
        RolloutAct::Promoted,
        RolloutAct::Settled,
        RolloutAct::Entered,
        RolloutAct::Demoted,
        RolloutAct::Opened,
    ];
    let view = bench
        .until("all is told", |_| bench.told().iter().any(|told| told.contains("led to a new run")))
        .await;
    assert_eq!(acts(&view), expected);
    assert!(bench.told().iter().any(|told| told.contains("was taken back")), "{:?}", bench.told());
    keep(bench.history(), "rollout").await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_signed_word_about_this_moment_exposes_more() {
    let bench = RolloutBench::start().await;
    bench.begin_plain().await;
    let good = bench.release(&version("Be brief.")).await;
    let claim = bench.claim(&good, None, true).await;
    let signed = bench.key.sign(claim.clone());

    let mut forged = signed.clone();
    forged.claim.by = "mallory".to_owned();
    let refused = bench.send(forged).await.unwrap_err().to_string();
    assert!(refused.contains("the signature is not that of the project's key"), "{refused}");
    let elsewhere = ReleaseClaim { project: "other".to_owned(), ..claim };
    let refused = bench.send(bench.key.sign(elsewhere)).await.unwrap_err().to_string();
    assert!(refused.contains("about the project `other`"), "{refused}");
    bench.send(signed.clone()).await.unwrap();
    let again = bench.send(signed).await.unwrap_err().to_string();
    assert!(again.contains("look again and sign anew"), "{again}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_nobody_knows_is_refused_and_what_was_served_stays() {
    let bench = RolloutBench::start().await;
    bench.begin_plain().await;
    let good = bench.release(&version("Be brief.")).await;
    bench.promote(&good, None).await.unwrap();
    let unknown = version("Never released.").digest();
    let refused = bench.promote(&unknown, None).await.unwrap_err().to_string();
    assert!(refused.contains("nobody has brought it"), "{refused}");
    assert_eq!(bench.exposure().await.serving, good);
    let view = bench.view().await;
    assert_eq!(view.subject.map(|subject| subject.version), Some(good.clone()));
    bench.promote(&good, Some(rung(Reviewed, 100))).await.unwrap();
    assert_eq!(bench.exposure().await.stage, Reviewed);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_spec_says_so_a_person_is_asked_and_a_person_may_step_back() {
    let bench = RolloutBench::start().await;
    bench.begin("people: {approve: [promotion]}\n", 500).await;
    let good = bench.release(&version("Be brief.")).await;
    bench.promote(&good, None).await.unwrap();
    let asked = |view: &RolloutView| view.question.is_some();
    bench.readers(&good, Internal, 20, "up").await;
    bench.until("it asks", asked).await;
    bench.answer(false).await.unwrap();
    assert_eq!(bench.exposure().await.stage, Internal);
    bench.readers(&good, Internal, 20, "up").await;
    bench.until("it asks again", asked).await;
    bench.answer(true).await.unwrap();
    assert_eq!(bench.exposure().await.stage, Reviewed);
    bench.demote().await.unwrap();
    assert_eq!(bench.exposure().await.stage, Internal);
    let nothing = bench.demote().await.unwrap_err().to_string();
    assert!(nothing.contains("nothing to step back to"), "{nothing}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_brought_a_version_does_not_approve_it_where_the_spec_says_so() {
    let bench = RolloutBench::start().await;
    bench.begin_other().await;
    let good = bench.release(&version("Be brief.")).await;
    let at_once = bench.promote(&good, Some(rung(Reviewed, 100))).await.unwrap_err().to_string();
    assert!(at_once.contains("a version begins at internal"), "{at_once}");
    bench.promote(&good, None).await.unwrap();
    let own = bench.promote(&good, None).await.unwrap_err().to_string();
    assert!(own.contains("ada asked for the release") && own.contains("somebody else"), "{own}");
    let claim = bench.claim(&good, None, true).await;
    let other = ReleaseClaim { by: "bob".to_owned(), ..claim };
    bench.send(bench.key.sign(other)).await.unwrap();
    assert_eq!(bench.exposure().await.stage, Reviewed);
    let stale = bench.demote_as_looked_at("another moment").await.unwrap_err().to_string();
    assert!(stale.contains("something has changed since"), "{stale}");
    let now = bench.view().await.nonce;
    bench.demote_as_looked_at(&now).await.unwrap();
    assert_eq!(bench.exposure().await.stage, Internal, "everybody may step back");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_offers_begins_when_its_turn_comes_and_only_with_the_projects_key() {
    let bench = RolloutBench::start().await;
    bench.begin_plain().await;
    let [first, second] = [bench.release(&version("One.")).await, bench.release(&version("Two.")).await];
    let mut forged = bench.offer(&first);
    forged.offer.version = second.clone();
    bench.signal(forged).await;
    bench.signal(bench.offer(&first)).await;
    let shown = bench.until_exposed(|shown| shown.serving == first).await;
    assert_eq!(shown.stage, Internal, "the forged one was not heard");
    bench.signal(bench.offer(&second)).await;
    bench.until("it waits", |view| acts(view).contains(&RolloutAct::Offered)).await;
    assert_eq!(bench.exposure().await.serving, first);
    bench.promote(&first, Some(rung(Reviewed, 100))).await.unwrap();
    bench.demote().await.unwrap();
    let shown = bench.until_exposed(|shown| shown.serving == second).await;
    assert_eq!(shown.stage, Internal, "the one that fell makes room");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_goes_on_as_new_and_forgets_nothing() {
    let bench = RolloutBench::start().await;
    bench.begin("", 2).await;
    let first = execution(&bench).await;
    climb(&bench, "Be brief.").await;
    let view = bench.view().await;
    assert_eq!(view.decisions.len(), 5, "{view:#?}");
    assert_ne!(execution(&bench).await, first, "another execution goes on");
    bench.stop().await;
}

async fn execution(bench: &RolloutBench) -> String {
    let described = bench.handle().describe(WorkflowDescribeOptions::default()).await.unwrap();
    assert_eq!(described.id(), RolloutInput::workflow_id(&bench.project));
    described.run_id().to_owned()
}

/// Replays a history, and writes it where that is asked for.
async fn keep(history: WorkflowHistory, name: &str) {
    let json = history.to_json().await.unwrap();
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<Rollout>()
        .and_then(|options| options.register_workflow::<Lifecycle>())
        .and_then(|options| options.register_workflow::<Iteration>())
        .unwrap();
    let replayer = WorkflowReplayer::new(options.build()).unwrap();
    replayer.replay_workflow(WorkflowHistory::from_json(&json).unwrap()).await.unwrap();
    if std::env::var_os("EMPIRIC_RECORD").is_some_and(|value| value == "1") {
        std::fs::write(histories().join(format!("{name}.json")), json).unwrap();
    }
}

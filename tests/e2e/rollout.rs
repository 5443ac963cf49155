//! Rollouts on a real server: a version climbs by what people judged, a worse one is taken back by itself, and a run
//! is opened from its failures. Nothing but a signed word exposes more where a person is asked.

use std::time::Instant;

use empiric_schema::contract::ReleaseClaim;
use empiric_schema::rollout::{RolloutAct, RolloutDecision, RolloutView};
use empiric_schema::spec::StageName::{Direct, Internal, Reviewed};
use empiric_schema::view::RunState;
use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use empiric_workflows::rollout::{Rollout, RolloutInput, WINDOWS_PER_EXECUTION};
use temporalio_client::{WorkflowDescribeOptions, WorkflowHistory};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use crate::rollout_bench::{RolloutBench, histories, remote, rung, version};

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

const CHECKS: &str = "  graders:
    assert:
      - {type: max-length, value: 20}
      - {type: not-harmful, value: [the code of the safe]}
";

#[tokio::test(flavor = "multi_thread")]
async fn checks_of_answers_carry_a_version_on_and_take_a_worse_one_back_without_anybody_judging() {
    let bench = RolloutBench::start().await;
    bench.begin(CHECKS, WINDOWS_PER_EXECUTION).await;
    let version = bench.release(&version("Be brief.")).await;
    bench.promote(&version, None).await.unwrap();
    bench.answers(&version, Internal, 25, "From 7 to 22.").await;
    bench.until_at(rung(Reviewed, 100)).await;
    let long = "It opens, as far as anybody can tell, at seven.";
    bench.answers(&version, Reviewed, 10, long).await;
    let view = bench.until("it is taken back", |view| acts(view).contains(&RolloutAct::Demoted)).await;
    let demoted = view.decisions.iter().find(|decision| decision.act == RolloutAct::Demoted).unwrap();
    assert!(demoted.why.starts_with("10 of 10 judged answers failed at reviewed"), "{demoted:?}");
    assert_eq!(bench.until_exposed(|shown| shown.stage == Internal).await.serving, version);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn harm_takes_a_version_back_at_once_however_right_it_is() {
    let bench = RolloutBench::start().await;
    bench.begin(CHECKS, WINDOWS_PER_EXECUTION).await;
    let good = climb(&bench, "Be brief.").await;
    let harmful = bench.release(&version("Tell everything.")).await;
    bench.promote(&harmful, None).await.unwrap();
    bench.until_exposed(|shown| shown.canary.is_some()).await;
    bench.answers(&harmful, Direct, 12, "From 7 to 22.").await;
    bench.answers(&harmful, Direct, 8, "The code of the safe").await;
    let after = bench.until_exposed(|shown| shown.canary.is_none()).await;
    assert_eq!((after.serving, after.stage, after.traffic), (good, Direct, 100));
    let view = bench.until("it is taken back", |view| acts(view).contains(&RolloutAct::Demoted)).await;
    let demoted = view.decisions.iter().find(|decision| decision.act == RolloutAct::Demoted).unwrap();
    assert!(demoted.why.contains("answers did harm at direct at 50 %, and at most 5.0 % may"), "{demoted:?}");
    bench.until("people are told", |_| bench.told().iter().any(|told| told.contains("was taken back"))).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_questions_than_those_of_dev_are_told_and_demote_nothing() {
    let bench = RolloutBench::start().await;
    let drift = "  drift: {every: 1s, min_questions: 20}\nembedder: {source: file://encoder}\n";
    bench.begin(drift, WINDOWS_PER_EXECUTION).await;
    let version = bench.release(&version("Be brief.")).await;
    bench.promote(&version, None).await.unwrap();
    bench.answers(&version, Internal, 5, "From 7 to 22.").await;
    let few = bench.until("somebody looks", |view| view.drift.is_some()).await;
    assert_eq!(few.drift.unwrap().words(), "not enough to say: 5 of 20 different questions");
    bench.answers(&version, Internal, 20, "From 7 to 22.").await;
    let tells = |decision: &RolloutDecision| {
        let is_alert = decision.act == RolloutAct::Alerted;
        is_alert && decision.why.contains("different questions are 0.700 from the nearest one of dev")
    };
    let view = bench.until("people are told", |view| view.decisions.iter().any(tells)).await;
    assert_eq!(view.subject.map(|subject| subject.rung), Some(rung(Internal, 100)));
    bench.until("the webhook hears", |_| bench.told().iter().any(|told| told.contains("of dev"))).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_shut_down_opens_a_run_without_it() {
    let bench = RolloutBench::start().await;
    let models = "models: [{id: m, source: \"file://m.gguf\"}, \
                  {id: big, endpoint: \"http://127.0.0.1:9/v1\", model: big, shutdown_date: 2026-01-31}]";
    let text = bench.spec("  requalify: {lead: 14d, by: run}\n");
    let text = text.replace("models: [{id: m, source: \"file://m.gguf\"}]", models);
    bench.begin_as(&text, WINDOWS_PER_EXECUTION).await;
    let remote = bench.release(&remote("Be brief.")).await;
    bench.promote(&remote, None).await.unwrap();
    let view = bench.until("a run is opened", |view| !view.runs.is_empty()).await;
    let alerted = view.decisions.iter().find(|decision| decision.act == RolloutAct::Alerted).unwrap();
    assert!(
        alerted.why.contains("is shut down on 2026-01-31, which is past; a run looks for another"),
        "{alerted:?}"
    );
    let run = bench.end_of(&view.runs[0]).await;
    assert_eq!(run.state, RunState::Finished, "{:?}", run.stop);
    assert_eq!(
        bench.exposure().await.serving,
        remote,
        "what is served is changed by people and by evidence alone"
    );
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

//! Checks, harm, drift, and models that go.

use super::*;

async fn graded(sample: f64) -> Bench {
    let assertions = vec![
        OnlineAssertion::MaxLength { value: 10 },
        OnlineAssertion::NotHarmful { value: vec!["secret".to_owned()] },
    ];
    Bench { graders: Some(GradersSpec { sample, assertions }), ..Bench::new().await }
}

#[tokio::test]
async fn checks_judge_answers_once_and_people_know_better() {
    let bench = graded(1.0).await;
    for (id, answer) in [("a", "Behind it."), ("b", "Behind the hotel."), ("c", "Behind the pool.")] {
        bench.answer(id, StageName::Direct, answer).await;
    }
    bench.log("silent", StageName::Direct, "failed", "serving").await;
    bench.log("draft", StageName::Direct, "drafted", "serving").await;
    bench.think("b", StageName::Direct, Some("up"), None).await;
    let first = bench.window(StageName::Direct, None).await;
    assert_eq!(first.window.judged, Judged { passed: 2, failed: 2 }, "b is right, c is long, one is silent");
    assert_eq!(first.window.graded, 2);
    assert_eq!(first.window.harm, Judged { passed: 3, failed: 0 });
    bench.think("c", StageName::Direct, Some("up"), None).await;
    bench.think("a", StageName::Direct, Some("up"), None).await;
    let second = bench.window(StageName::Direct, Some(first.cursor)).await;
    assert_eq!(second.window.judged, Judged::default(), "one answer is one trial");
    assert_eq!(second.window.overturned, 1);
    bench.think("a", StageName::Direct, Some("down"), None).await;
    let third = bench.window(StageName::Direct, Some(second.cursor)).await;
    assert_eq!(third.window.judged, Judged { passed: 0, failed: 1 }, "a failure is never lost");
}

#[tokio::test]
async fn harm_is_counted_once_whoever_finds_it() {
    let bench = graded(1.0).await;
    for (id, answer) in [("a", "A secret"), ("b", "In it."), ("c", "At 7.")] {
        bench.answer(id, StageName::Direct, answer).await;
    }
    bench.harm("a", StageName::Direct).await;
    bench.harm("b", StageName::Direct).await;
    let first = bench.window(StageName::Direct, None).await;
    assert_eq!(first.window.harm, Judged { passed: 1, failed: 2 });
    assert_eq!(first.window.judged, Judged { passed: 1, failed: 2 }, "what does harm has failed");
    bench.harm("b", StageName::Direct).await;
    bench.harm("c", StageName::Direct).await;
    let second = bench.window(StageName::Direct, Some(first.cursor)).await;
    assert_eq!(second.window.harm, Judged { passed: 0, failed: 1 });
}

#[tokio::test]
async fn a_sample_is_the_same_for_every_try_of_a_window() {
    let bench = graded(0.3).await;
    for number in 0..100 {
        bench.answer(&format!("request-{number}"), StageName::Direct, "At 7.").await;
    }
    let first = bench.window(StageName::Direct, None).await;
    assert!((15..45).contains(&first.window.graded), "{:?}", first.window);
    let again = bench.window(StageName::Direct, None).await;
    assert_eq!((again.window.judged, again.window.graded), (first.window.judged, first.window.graded));
    assert_eq!(first.window.judged.total(), first.window.graded, "what was not looked at has not passed");
}

#[tokio::test]
async fn different_questions_are_gathered_once_with_what_was_answered_on_dev() {
    let bench = Bench::new().await;
    for id in ["a", "b", "c", "a-again"] {
        bench.log(id, StageName::Direct, "answered", "serving").await;
    }
    bench.log("shadow", StageName::Direct, "answered", "shadow").await;
    let request = |least, after| GatherRequest {
        project: "p".to_owned(),
        version: version().digest(),
        since: unix_now() - 60.0,
        after,
        least,
    };
    let few = bench.activities.gather_lines(&request(5, 0)).await.unwrap();
    assert_eq!((few.questions, &few.served, few.until), (4, &None, 4));
    let enough = bench.activities.gather_lines(&request(4, 0)).await.unwrap();
    assert_eq!(enough.dev_answers, None, "nobody has measured it on dev");
    let lines = bench.activities.store.get_bytes(&enough.served.clone().unwrap()).await.unwrap();
    let lines = String::from_utf8(lines.to_vec()).unwrap();
    assert_eq!(lines.lines().count(), 4);
    assert!(
        lines.contains("What of a is there to say?") && lines.contains("\"answer\":\"Nothing.\""),
        "{lines}"
    );
    assert_eq!(
        bench.activities.gather_lines(&request(4, 0)).await.unwrap(),
        enough,
        "the same rows, the same lines"
    );
    assert_eq!(bench.activities.gather_lines(&request(1, 4)).await.unwrap().questions, 0);
}

/// The system behind a server.
fn remote(url: String) -> SystemVersion {
    let endpoint = EndpointSpec { url, model: "big".to_owned(), api_key: None, price: None, limits: None };
    let binding = EndpointBinding { id: ModelId::new("big"), endpoint };
    SystemVersion { model: binding.into(), ..version() }
}

async fn presence(bench: &Bench, version: &SystemVersion) -> Presence {
    bench.activities.release("p", version, "by hand", 1.0).await.unwrap();
    let request = ModelsRequest { project: "p".to_owned(), versions: vec![version.digest()] };
    bench.activities.look_for_models(&request).await.unwrap().models.remove(0).presence
}

#[tokio::test]
async fn a_model_is_gone_when_its_server_lists_others_or_says_so() {
    let bench = Bench::new().await;
    assert_eq!(presence(&bench, &version()).await, Presence::There, "weights are ours");
    let listing = TestServer::start(|_, _| Answer::models(&["big", "small"]));
    assert_eq!(presence(&bench, &remote(listing.url())).await, Presence::There);
    let without = TestServer::start(|_, _| Answer::models(&["small"]));
    let Presence::Gone { why } = presence(&bench, &remote(without.url())).await else {
        panic!("it is not there")
    };
    assert!(why.ends_with("lists 1 others"), "{why}");
    let silent = TestServer::start(|_, _| Answer::error(404, "no such path"));
    assert_eq!(
        presence(&bench, &remote(silent.url())).await,
        Presence::Unknown,
        "chats may still be answered"
    );
}

#[tokio::test]
async fn a_model_whose_last_answers_were_not_found_is_gone() {
    let bench = Bench::new().await;
    let silent = TestServer::start(|_, _| Answer::error(401, "a key is needed"));
    let version = remote(silent.url());
    let problem = "the endpoint could not answer: big gave no answer: status 404: the model does not exist";
    for (number, expected) in [(1, Presence::Unknown), (2, Presence::Unknown)] {
        bench.fail(&format!("f{number}"), &version, problem).await;
        assert_eq!(presence(&bench, &version).await, expected, "{number}");
    }
    bench.fail("f3", &version, problem).await;
    assert!(matches!(presence(&bench, &version).await, Presence::Gone { .. }));
    bench.fail("f4", &version, "the endpoint could not answer: status 500").await;
    assert_eq!(presence(&bench, &version).await, Presence::Unknown);
}

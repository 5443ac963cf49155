//! Answers, whole and in pieces, and what is logged of them.

use empiric_jobs::answer::Answerer;
use empiric_schema::spec::StageName;
use serde_json::json;

use crate::fixture::*;

const QUESTIONS: [&str; 4] = ["Where?", "When is pay day?", "Who has the key?", "the inn"];

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_that_an_evaluation_would_measure() {
    let mut setup = Setup::new().await;
    let version = local(&mut setup, 5);
    setup.expose(&version, StageName::Internal).await;
    let answerer = Answerer::load(version.clone(), &setup.files.0).unwrap();
    let measured = answerer.answer_batch(&QUESTIONS).unwrap();
    let mut running = setup.start().await;
    let asked = futures::future::join_all(QUESTIONS.iter().map(|question| running.ask(question))).await;
    for ((status, body), measured) in asked.iter().zip(&measured) {
        assert_eq!((*status, body["object"].as_str()), (200, Some("chat.completion")), "{body}");
        assert_eq!(body["choices"][0]["message"]["content"], measured.text);
        assert_eq!(body["usage"]["prompt_tokens"], measured.prompt_tokens);
        assert_eq!(body["usage"]["completion_tokens"], measured.completion_tokens);
        assert_eq!(body["empiric"]["version"], version.digest().to_string());
    }
    for (question, measured) in QUESTIONS.iter().zip(&measured) {
        let body = json!({"messages": [{"role": "user", "content": question}], "stream": true,
            "stream_options": {"include_usage": true}});
        let response = running.http.post(format!("{}/v1/chat/completions", running.address)).json(&body);
        let text = response.send().await.unwrap().text().await.unwrap();
        assert_eq!(streamed(&text), measured.text);
        assert!(text.trim_end().ends_with("data: [DONE]"), "{text}");
        assert_eq!(events(&text).last().unwrap()["usage"]["completion_tokens"], measured.completion_tokens);
    }
    let log = running.log(8).await;
    assert!(
        log.iter().all(|row| row.outcome == "answered" && row.stage == "internal" && row.arm == "serving")
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_logged_with_its_figures_and_without_personal_data() {
    let (setup, server) = (Setup::new().await, echo());
    let digest = setup.expose(&remote(&server, "one"), StageName::Internal).await;
    let running = setup.start().await;
    let question = "I am ada@mail.example, when is pay day?";
    let (status, body) = running.ask(question).await;
    assert_eq!(
        (status, body["choices"][0]["message"]["content"].as_str()),
        (200, Some(&*format!("one says: Q: {question}")))
    );
    let row = running.log(1).await.remove(0);
    assert_eq!(row.request.unwrap()["messages"][0]["content"], "I am [email], when is pay day?");
    assert_eq!(row.response.as_deref(), Some("one says: Q: I am [email], when is pay day?"));
    assert_eq!((row.id.as_str(), row.version), (body["id"].as_str().unwrap(), digest.to_string()));
    assert_eq!((row.prompt_tokens, row.completion_tokens, row.redacted), (10, 5, true));
    assert!((row.usd - 20e-6).abs() < 1e-12 && row.latency_ms > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_refused_in_the_interfaces_form() {
    let (setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Internal).await;
    let running = setup.start().await;
    let body = json!({"messages": [{"role": "user", "content": "x"}], "model": "gpt-7"});
    let (status, answer) = running.post("/v1/chat/completions", None, &body).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (404, Some("model_not_found")));
    let (status, answer) = running.post("/v1/chat/completions", None, &json!({"messages": []})).await;
    assert_eq!((status, answer["error"]["type"].as_str()), (400, Some("invalid_request_error")));
    let (status, models) = running.get("/v1/models", None).await;
    assert_eq!((status, models["data"][0]["id"].as_str()), (200, Some(PROJECT)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_endpoint_is_told_without_its_words() {
    use empiric_endpoint::test_server::{Answer, TestServer};
    let (setup, server) = (Setup::new().await, TestServer::start(|_, _| Answer::error(400, "secret words")));
    setup.expose(&remote(&server, "one"), StageName::Internal).await;
    let running = setup.start().await;
    let (status, body) = running.ask("x").await;
    assert_eq!((status, body["error"]["code"].as_str()), (502, Some("answer_failed")));
    assert!(!body.to_string().contains("secret words"));
    let row = running.log(1).await.remove(0);
    assert_eq!(row.outcome, "failed");
    assert!(row.problem.contains("endpoint"), "{}", row.problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_say_what_they_think_of_an_answer() {
    let (setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Internal).await;
    let running = setup.start().await;
    let (_, body) = running.ask("x").await;
    running.log(1).await;
    let remark = json!({"request": body["id"], "thumb": "down", "correction": "on the 25th"});
    assert_eq!(running.post("/v1/feedback", None, &remark).await.0, 201);
    let kept = running.feedback().await.remove(0);
    assert_eq!((kept.thumb.as_deref(), kept.correction.as_deref()), (Some("down"), Some("on the 25th")));
    assert_eq!(running.post("/v1/feedback", None, &json!({"request": "other", "thumb": "up"})).await.0, 404);
    assert_eq!(running.post("/v1/feedback", None, &json!({"request": body["id"]})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_before_something_is_exposed() {
    let mut running = Setup::new().await.start().await;
    assert_eq!(running.get("/healthz", None).await.0, 200);
    assert_eq!(running.get("/readyz", None).await.0, 503);
    let (status, body) = running.ask("x").await;
    assert_eq!((status, body["error"]["code"].as_str()), (503, Some("unavailable")));
    running.stop().await;
}

//! A server on loopback that fails in every way that endpoints fail.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use empiric_endpoint::test_server::{Answer, Request, TestServer, completion};
use empiric_endpoint::{
    BlockingClient, ChatMessage, ChatObserver, ChatReply, ChatRequest, EndpointError, Patience, TryError,
};
use empiric_schema::job::ExitClass;
use empiric_schema::spec::{EndpointSpec, RateLimits, SecretRef};

const KEY: &str = "sk-canary-0123456789";

fn patience() -> Patience {
    Patience {
        tries: 4,
        pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(10),
        connect: Duration::from_secs(2),
        request: Duration::from_secs(5),
        deadline: Duration::from_secs(10),
        response_limit: 64 << 10,
    }
}

fn endpoint(url: String) -> EndpointSpec {
    EndpointSpec { url, model: "m".to_owned(), api_key: None, price: None, limits: None }
}

fn question(text: &str) -> ChatRequest {
    let messages = vec![ChatMessage { role: "user", content: text.to_owned() }];
    ChatRequest { messages, max_tokens: 4, ..ChatRequest::default() }
}

/// Keeps answers, and breaks off after so many.
struct Collect {
    replies: Vec<Option<ChatReply>>,
    most: usize,
    asked: usize,
}

impl ChatObserver for Collect {
    fn keep_going(&mut self) -> ControlFlow<()> {
        self.asked += 1;
        match self.replies.iter().flatten().count() < self.most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }

    fn replied(&mut self, index: usize, reply: ChatReply) -> ControlFlow<()> {
        self.replies[index] = Some(reply);
        ControlFlow::Continue(())
    }
}

fn ask_all(
    endpoint: &EndpointSpec,
    patience: Patience,
    questions: &[&str],
    concurrency: usize,
    most: usize,
) -> Result<Collect, EndpointError> {
    let client = BlockingClient::new(endpoint, patience)?;
    let requests: Vec<ChatRequest> = questions.iter().map(|text| question(text)).collect();
    let mut collect = Collect { replies: vec![None; questions.len()], most, asked: 0 };
    client.chat_each(&requests, concurrency, &mut collect).map(|_| collect)
}

fn ask(endpoint: &EndpointSpec, patience: Patience) -> Result<ChatReply, EndpointError> {
    let mut collect = ask_all(endpoint, patience, &["Hi"], 1, 1)?;
    Ok(collect.replies.remove(0).expect("one question, one answer"))
}

/// The error with its causes, as people see it.
fn sentence(error: &EndpointError) -> String {
    let mut sentence = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        sentence = format!("{sentence}: {error}");
        cause = error.source();
    }
    sentence
}

/// Answers the first `faults` requests with a fault, and all others rightly.
fn recovering(faults: usize, fault: Answer) -> TestServer {
    TestServer::start(move |_, number| match number < faults {
        true => fault.clone(),
        false => Answer::chat("Hello", 7, 2),
    })
}

fn recovers(faults: usize, fault: Answer) -> (TestServer, Duration) {
    let server = recovering(faults, fault);
    let began = Instant::now();
    let reply =
        ask(&endpoint(server.url()), patience()).unwrap_or_else(|error| panic!("{}", sentence(&error)));
    assert_eq!((reply.text.as_str(), reply.prompt_tokens, reply.completion_tokens), ("Hello", 7, 2));
    assert_eq!(server.seen().len(), faults + 1);
    (server, began.elapsed())
}

/// A fault that asking again cannot mend: one request is made, and no second.
fn fails_at_once(fault: Answer, class: ExitClass, message: &str) {
    let server = TestServer::start(move |_, _| fault.clone());
    let error = ask(&endpoint(server.url()), patience()).unwrap_err();
    assert!(sentence(&error).contains(message), "{}", sentence(&error));
    assert_eq!((error.class(), server.seen().len()), (class, 1), "{}", sentence(&error));
}

#[test]
fn a_request_says_what_is_wanted_and_goes_below_the_address() {
    let (server, _) = recovers(0, Answer::Silent);
    let Request { method, path, headers, body } = server.seen().remove(0);
    assert_eq!((method.as_str(), path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(headers["content-type"], "application/json");
    assert!(!headers.contains_key("authorization"));
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["model"], &body["max_tokens"]), (&"m".into(), &4.into()));
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() {
    let fault = Answer::error(429, "slow down").with_header("Retry-After", "0.3");
    let (_, took) = recovers(1, fault);
    assert!(took >= Duration::from_millis(300), "{took:?}");
}

#[test]
fn errors_of_the_server_pass() {
    recovers(2, Answer::error(500, "oops"));
    recovers(1, Answer::error(503, "loading").with_header("retry-after-ms", "1"));
    recovers(1, Answer::json(200, &serde_json::json!({"error": {"code": 502, "message": "upstream"}})));
}

#[test]
fn a_connection_that_is_cut_in_mid_body_is_made_again() {
    recovers(1, Answer::Cut(completion("Hel", 7, 2).to_string().into_bytes()));
}

#[test]
fn a_server_that_says_nothing_is_asked_again_and_then_given_up() {
    let server = recovering(1, Answer::Silent);
    let hasty = Patience { request: Duration::from_millis(150), ..patience() };
    assert_eq!(ask(&endpoint(server.url()), hasty).unwrap().text, "Hello");
    let server = TestServer::start(|_, _| Answer::Silent);
    let error = ask(&endpoint(server.url()), Patience { tries: 2, ..hasty }).unwrap_err();
    let said = sentence(&error);
    assert!(said.contains("127.0.0.1 gave no answer: 2 tries") && said.contains("within 0.1"), "{said}");
    assert_eq!((error.class(), server.seen().len()), (ExitClass::TempFail, 2));
}

#[test]
fn a_server_that_keeps_failing_is_given_up_with_its_last_words() {
    let server = TestServer::start(|_, _| Answer::error(500, "the GPU fell off"));
    let error = ask(&endpoint(server.url()), patience()).unwrap_err();
    assert!(sentence(&error).contains("4 tries") && sentence(&error).contains("the GPU fell off"));
    assert_eq!((error.class(), server.seen().len()), (ExitClass::TempFail, 4));
}

#[test]
fn a_pause_beyond_the_deadline_is_not_waited_for() {
    let server = TestServer::start(|_, _| Answer::error(429, "tomorrow").with_header("Retry-After", "86400"));
    let began = Instant::now();
    let error = ask(&endpoint(server.url()), patience()).unwrap_err();
    assert_eq!((error.class(), server.seen().len()), (ExitClass::TempFail, 1));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn nobody_there_is_a_passing_fault() {
    let url = TestServer::start(|_, _| Answer::Silent).url();
    let error = ask(&endpoint(url), patience()).unwrap_err();
    assert_eq!(error.class(), ExitClass::TempFail, "{}", sentence(&error));
}

#[test]
fn refusals_are_final() {
    fails_at_once(
        Answer::error(400, "prompt too long"),
        ExitClass::InvalidInput,
        "status 400: prompt too long",
    );
    fails_at_once(Answer::error(401, "bad key"), ExitClass::Permission, "status 401: bad key");
    fails_at_once(Answer::error(404, "no model `m`"), ExitClass::Config, "status 404: no model `m`");
    let quota = serde_json::json!({"error": {"message": "pay first", "code": "insufficient_quota"}});
    fails_at_once(Answer::json(429, &quota), ExitClass::Config, "pay first");
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = TestServer::start(|_, _| Answer::chat("stolen", 1, 1));
    let fault = Answer::error(307, "moved").with_header("Location", &elsewhere.url());
    fails_at_once(fault, ExitClass::Config, "status 307: it redirects");
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn answers_that_are_too_large_are_not_read_to_the_end() {
    fails_at_once(Answer::Endless, ExitClass::Config, "more than 65536 bytes");
    let body = vec![b' '; 100_000];
    let announced = Answer::Whole { status: 200, headers: Vec::new(), body };
    fails_at_once(announced, ExitClass::Config, "more than 65536 bytes");
}

#[test]
fn answers_of_other_programs_are_named() {
    let page = Answer::Whole { status: 200, headers: Vec::new(), body: b"<html>Welcome".to_vec() };
    fails_at_once(page, ExitClass::Config, "not that of an OpenAI-compatible server");
    fails_at_once(Answer::json(200, &serde_json::json!({"choices": []})), ExitClass::Config, "no `choices`");
    let mut uncounted = completion("Hi", 1, 1);
    uncounted.as_object_mut().unwrap().remove("usage");
    fails_at_once(Answer::json(200, &uncounted), ExitClass::Config, "has no `usage`");
}

#[test]
fn addresses_that_break_a_rule_are_never_asked() {
    for (url, reason) in [
        ("http://api.example.org/v1", "plain http is for this machine alone"),
        ("https://169.254.169.254/v1", "169.254.169.254 is not an address of the public internet"),
        ("https://10.1.2.3/v1", "10.1.2.3 is not"),
    ] {
        let error = ask(&endpoint(url.to_owned()), patience()).unwrap_err();
        assert_eq!(error.class(), ExitClass::Config);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn the_observer_breaks_off_what_is_under_way() {
    let server = TestServer::start(|request, _| match request.question().as_str() {
        "quick" => Answer::chat("ok", 1, 1),
        _ => Answer::Silent,
    });
    let began = Instant::now();
    let collect = ask_all(&endpoint(server.url()), patience(), &["quick", "slow", "never"], 2, 1).unwrap();
    assert_eq!(collect.replies.iter().flatten().count(), 1);
    assert!(collect.asked >= 3 && began.elapsed() < Duration::from_secs(4), "{}", collect.asked);
    assert!(server.seen().iter().all(|request| request.question() != "never"));
}

#[test]
fn answers_belong_to_their_questions_however_they_arrive() {
    let server = TestServer::start(|request, _| Answer::chat(&request.question(), 1, 1));
    let texts: Vec<String> = (0..40).map(|number| format!("question {number}")).collect();
    let questions: Vec<&str> = texts.iter().map(String::as_str).collect();
    let collect = ask_all(&endpoint(server.url()), patience(), &questions, 8, 100).unwrap();
    let answers: Vec<String> = collect.replies.into_iter().map(|reply| reply.unwrap().text).collect();
    assert_eq!(answers, texts);
}

#[test]
fn requests_are_held_to_their_rate() {
    let server = TestServer::start(|_, _| Answer::chat("ok", 1, 1));
    let limits = RateLimits { requests_per_minute: Some(1200), tokens_per_minute: None };
    let limited = EndpointSpec { limits: Some(limits), ..endpoint(server.url()) };
    let began = Instant::now();
    // 200 are a burst of ten seconds; the other ten come at twenty a second.
    ask_all(&limited, patience(), &["Hi"; 210], 8, 1000).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(450), "{:?}", began.elapsed());
}

#[test]
fn the_key_is_sent_and_never_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let api_key = Some(SecretRef::File(path.display().to_string()));
    // A server that tells everybody what it was sent.
    let server = TestServer::start(|request, number| {
        let echo = request.headers.get("authorization").cloned().unwrap_or_default();
        match number {
            0 => Answer::chat(&echo, 1, 1),
            1 => Answer::error(400, &format!("who is {echo}?")),
            2 => Answer::Whole { status: 401, headers: Vec::new(), body: echo.into_bytes() },
            _ => Answer::json(200, &serde_json::json!({"choices": echo})),
        }
    });
    let endpoint = EndpointSpec { api_key, ..endpoint(server.url()) };
    let reply = ask(&endpoint, patience()).unwrap();
    assert_eq!(server.seen()[0].headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(reply.text, "Bearer [secret]");
    for _ in 1..4 {
        let error = ask(&endpoint, patience()).unwrap_err();
        let shown = format!("{} {error:?}", sentence(&error));
        assert!(shown.contains("[secret]") && !shown.contains(KEY), "{shown}");
    }
    let client = BlockingClient::new(&endpoint, patience()).unwrap();
    assert!(!format!("{client:?}").contains(KEY));
}

#[tokio::test]
async fn a_client_can_be_dropped_inside_another_runtime() {
    let server = TestServer::start(|_, _| Answer::models(&["m"]));
    drop(BlockingClient::new(&endpoint(server.url()), patience()).unwrap());
    let client = empiric_endpoint::Client::without_key(&endpoint(server.url()), patience()).unwrap();
    assert_eq!(client.models().await.unwrap(), ["m"]);
}

#[tokio::test]
async fn a_list_of_models_behind_a_key_says_so_by_its_status() {
    let server = TestServer::start(|_, _| Answer::error(401, "no key"));
    let client = empiric_endpoint::Client::without_key(&endpoint(server.url()), patience()).unwrap();
    let error = client.models().await.unwrap_err();
    assert_eq!(error.last_try().and_then(TryError::status), Some(401));
}

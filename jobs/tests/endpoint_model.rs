//! Whole `evaluate` jobs whose model is behind a server on loopback.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use empiric_endpoint::test_server::{Answer, TestServer};
use empiric_jobs::runner::run;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::grade::Assertion;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::spec::{EndpointSpec, Price, SecretRef};
use empiric_schema::version::{Decoding, Demonstrations, EndpointBinding, Prompt, SystemVersion};
use tempfile::TempDir;

/// Set in the child: the folder of the job that it runs.
const FOLDER: &str = "EMPIRIC_TEST_FOLDER";
/// The variable that the job's spec names.
const VARIABLE: &str = "EMPIRIC_TEST_BIG_KEY";
const CANARY: &str = "sk-canary-9876543210";
/// A prompt token costs one dollar, a completion token ten.
const PRICE: Price = Price { input: 1e6, output: 1e7 };

struct Job {
    folder: TempDir,
    file: JobFile,
}

impl Job {
    /// Eight items; the expected answer to each is its number.
    fn new(url: String, api_key: Option<SecretRef>) -> Self {
        let folder = TempDir::new().unwrap();
        let line = |number: u32| {
            format!("{{\"id\":\"i{number}\",\"input\":\"{number}?\",\"expected\":\"{number}\"}}\n")
        };
        let items: String = (0..8).map(line).collect();
        let path = folder.path().join("items.jsonl");
        std::fs::write(&path, &items).unwrap();
        let items = ArtifactRef {
            digest: Digest::of(items.as_bytes()),
            size: items.len() as u64,
            media_type: "application/jsonl".to_owned(),
        };
        let endpoint =
            EndpointSpec { url, model: "big-1".to_owned(), api_key, price: Some(PRICE), limits: None };
        let params = EvaluateParams {
            version: SystemVersion {
                model: EndpointBinding { id: ModelId::new("big"), endpoint }.into(),
                adapter: None,
                prompt: Prompt {
                    system: "Be brief.".to_owned(),
                    user: "Q: {{input}}".to_owned(),
                    answer_cue: String::new(),
                },
                demonstrations: Demonstrations::None,
                decoding: Decoding { max_tokens: 6, stop: vec!["END".to_owned()], labels: None },
                retrieval: None,
                tools: None,
            },
            items: items.clone(),
            positions: (0..8).rev().collect(),
            assertions: vec![Assertion::Equals { value: "{{expected}}".to_owned() }],
            labels: Vec::new(),
            batch: 3,
        };
        let kind = JobKind::Evaluate(Box::new(params));
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        let inputs = BTreeMap::from([(items.digest, path)]);
        let outputs = vec![RESULTS_FILE.to_owned()];
        Self { folder, file: JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 1 } }
    }

    fn params(&mut self) -> &mut EvaluateParams {
        match &mut self.file.spec.kind {
            JobKind::Evaluate(params) => params,
            _ => unreachable!("the fixture is an evaluation"),
        }
    }

    fn write(&self) {
        std::fs::write(self.path(JOB_FILE), serde_json::to_vec(&self.file).unwrap()).unwrap();
    }

    fn run(&self) -> Exit {
        self.write();
        let class = run(self.folder.path());
        assert_eq!(self.exit().class, class);
        self.exit()
    }

    /// Runs as a process of its own with the key in its environment; gives what it printed.
    fn run_apart(&self, key: Option<&str>) -> String {
        self.write();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "job_process", "--nocapture"]).env(FOLDER, self.folder.path());
        command.env("RUST_BACKTRACE", "full");
        key.map(|key| command.env(VARIABLE, key));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(self.exit().class.code()));
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    fn exit(&self) -> Exit {
        serde_json::from_slice(&std::fs::read(self.path(EXIT_FILE)).unwrap()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn results(&self) -> Vec<ItemResult> {
        let text = std::fs::read_to_string(self.path(OUTPUT_FOLDER).join(RESULTS_FILE)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The child's side. The test program starts itself again with only this test, which then is the job.
#[test]
fn job_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        // As loud as this program and its libraries can be.
        tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE).init();
        std::process::exit(run(Path::new(&folder)).code());
    }
}

/// The number in `Q: 3?`.
fn number(question: &str) -> u32 {
    question.trim_start_matches("Q: ").trim_end_matches('?').parse().unwrap()
}

/// Knows the answers to all questions but 5.
fn knows(question: &str) -> Answer {
    let number = number(question);
    let said = if number == 5 { "no idea".to_owned() } else { format!(" {number} END of story") };
    Answer::chat(&said, 20, u64::from(number))
}

#[test]
fn an_evaluation_of_an_endpoint_is_graded_and_billed() {
    let server = TestServer::start(|request, number| match number {
        2 => Answer::error(503, "loading"),
        _ => knows(&request.question()),
    });
    let job = Job::new(server.url(), None);
    let exit = job.run();
    assert_eq!((exit.class, exit.message.as_str()), (ExitClass::Success, "7 of 8 items passed"));
    assert_eq!(exit.findings.evaluation.unwrap().passed, "11011111");
    let results = job.results();
    assert_eq!((results[0].id.as_str(), results[0].answer.as_str()), ("i7", "7"));
    assert_eq!((results[0].prompt_tokens, results[0].completion_tokens), (20, 7));
    assert_eq!((exit.usage.prompt_tokens, exit.usage.completion_tokens), (160, 28));
    assert_eq!(exit.usage.dollars, 160.0 + 280.0);
    assert_eq!(server.seen().len(), 9, "eight answers and one repeat");
}

#[test]
fn dollars_that_are_used_up_stop_work_in_flight() {
    let server = TestServer::start(|request, _| knows(&request.question()));
    let mut job = Job::new(server.url(), None);
    job.params().batch = 1;
    // The answers to 7, 6 and 5 cost 90, 80 and 70 dollars.
    job.file.spec.reserve = Spend { usd: 200.0, ..Spend::default() };
    let exit = job.run();
    assert_eq!(exit.class, ExitClass::BudgetExhausted);
    let message = "stopped after 3 of 8 items: 240.000000 dollars of 200.000000 reserved would be exceeded";
    assert_eq!(exit.message, message);
    assert_eq!((exit.usage.dollars, server.seen().len()), (240.0, 3));
    assert!(!job.path(OUTPUT_FOLDER).exists());
}

#[test]
fn time_that_is_used_up_stops_a_request_that_is_never_answered() {
    let server = TestServer::start(|_, _| Answer::Silent);
    let mut job = Job::new(server.url(), None);
    job.file.spec.reserve = Spend { device_seconds: 0.5, ..Spend::default() };
    let exit = job.run();
    assert_eq!(exit.class, ExitClass::BudgetExhausted, "{}", exit.message);
    assert!(exit.usage.seconds < 5.0, "{}", exit.usage.seconds);
}

#[test]
fn refusals_have_their_class_and_the_servers_words() {
    let fails = |answer: Answer, class: ExitClass, message: &str| {
        let server = TestServer::start(move |_, _| answer.clone());
        let exit = Job::new(server.url(), None).run();
        assert_eq!(exit.class, class, "{}", exit.message);
        assert!(exit.message.contains(message), "{}", exit.message);
    };
    fails(
        Answer::error(400, "context is 512"),
        ExitClass::InvalidInput,
        "127.0.0.1 gave no answer: status 400: context is 512",
    );
    fails(Answer::error(401, "who are you"), ExitClass::Permission, "who are you");
    fails(Answer::error(404, "no big-1"), ExitClass::Config, "no big-1");
}

#[test]
fn addresses_and_prompts_that_an_endpoint_cannot_have_are_refused_before_anything_is_asked() {
    let refused = |change: fn(&mut EvaluateParams), class: ExitClass, message: &str| {
        let server = TestServer::start(|request, _| knows(&request.question()));
        let mut job = Job::new(server.url(), None);
        change(job.params());
        let exit = job.run();
        assert_eq!(exit.class, class, "{}", exit.message);
        assert!(exit.message.contains(message), "{}", exit.message);
        assert!(server.seen().is_empty());
    };
    refused(
        |params| elsewhere(params, "https://169.254.169.254/v1"),
        ExitClass::Config,
        "169.254.169.254 is not",
    );
    refused(|params| elsewhere(params, "http://example.org/v1"), ExitClass::Config, "plain http");
    refused(|params| params.version.prompt.answer_cue = "A:".into(), ExitClass::InvalidInput, "answer cue");
}

#[test]
fn an_endpoint_is_not_asked_how_likely_texts_are() {
    let server = TestServer::start(|request, _| knows(&request.question()));
    let mut job = Job::new(server.url(), None);
    let EvaluateParams { version, items, positions, .. } = job.params().clone();
    let continuations = Continuations::Expected;
    let params = ScoreParams { version, items, positions, continuations, batch: 1 };
    job.file.spec.kind = JobKind::Score(Box::new(params));
    job.file.outputs = vec![SCORES_FILE.to_owned()];
    let exit = job.run();
    assert!(exit.message.contains("a chat interface does not say how likely"), "{}", exit.message);
    assert_eq!((exit.class, server.seen().len()), (ExitClass::InvalidInput, 0));
}

fn elsewhere(params: &mut EvaluateParams, url: &str) {
    let endpoint = EndpointSpec { url: url.to_owned(), ..params.version.model.endpoint().unwrap().clone() };
    params.version.model = EndpointBinding { id: ModelId::new("big"), endpoint }.into();
}

#[test]
fn a_key_that_is_not_there_is_named_by_its_reference() {
    let server = TestServer::start(|request, _| knows(&request.question()));
    let job = Job::new(server.url(), Some(SecretRef::Env(VARIABLE.to_owned())));
    job.run_apart(None);
    let said = "the key `env://EMPIRIC_TEST_BIG_KEY` cannot be used: the environment variable is not set";
    assert!(job.exit().message.contains(said), "{}", job.exit().message);
    assert_eq!((job.exit().class, server.seen().len()), (ExitClass::Config, 0));
}

#[test]
fn nothing_that_a_job_writes_or_prints_has_the_key_in_it() {
    // The server echoes what it was sent: into an answer, into an error that passes, and into one that stays.
    let server = TestServer::start(|request, number| {
        let echo = request.headers.get("authorization").cloned().unwrap_or_default();
        match number {
            0 => Answer::chat(&echo, 1, 1),
            1 => Answer::error(500, &echo),
            number if number < 9 => knows(&request.question()),
            _ => Answer::error(401, &format!("{echo} is not known")),
        }
    });
    let job = Job::new(server.url(), Some(SecretRef::Env(VARIABLE.to_owned())));
    let mut printed = job.run_apart(Some(CANARY));
    assert_eq!(job.exit().class, ExitClass::Success, "{}", job.exit().message);
    assert!(job.results().iter().any(|result| result.answer == "Bearer [secret]"));
    assert!(printed.contains("a request is repeated"), "{printed}");
    let shown = printed.contains(CANARY) || !with_key(job.folder.path()).is_empty();
    assert!(!shown, "{:?} {printed}", with_key(job.folder.path()));
    printed = job.run_apart(Some(CANARY));
    assert_eq!(job.exit().class, ExitClass::Permission, "{}", job.exit().message);
    assert!(job.exit().message.contains("Bearer [secret] is not known"));
    assert!(!printed.contains(CANARY), "{printed}");
    assert_eq!(with_key(job.folder.path()), Vec::<PathBuf>::new());
    assert!(server.seen().iter().all(|request| request.headers["authorization"].ends_with(CANARY)));
}

/// Files below that have the key in them.
fn with_key(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(with_key(&path));
        } else if std::fs::read(&path)
            .unwrap()
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

//! A warm runner as a process of its own: its jobs, its answers, its end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use empiric_jobs::runner::{run, serve};
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::grade::Assertion;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use tempfile::TempDir;

/// Set in the child.
const CHILD: &str = "EMPIRIC_TEST_SERVE";

/// The child's side. The test program starts itself again with only this test, which then is the runner.
#[test]
fn serving_process() {
    if std::env::var_os(CHILD).is_some() {
        std::process::exit(serve(|_, job| job()).code());
    }
}

struct Runner {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Runner {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serving_process", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn ask(&mut self, folder: &Path, token: &str) -> ServeRequest {
        let request = ServeRequest { folder: folder.into(), token: token.into(), trace: BTreeMap::new() };
        let line = serde_json::to_string(&request).unwrap() + "\n";
        self.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        request
    }

    /// Reads up to the answer; the test harness of the child talks on the same line.
    fn await_answer(&mut self, request: &ServeRequest) {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the runner ended without an answer");
            if line.ends_with(&request.answer()) {
                return;
            }
        }
    }

    fn serve(&mut self, folder: &Path, token: &str) -> Exit {
        let request = self.ask(folder, token);
        self.await_answer(&request);
        exit(folder)
    }

    /// The code with which the runner ends by itself.
    fn ended(mut self) -> Option<i32> {
        let input = self.child.stdin.take();
        let rest = self.output.lines().map_while(Result::ok);
        assert!(!rest.into_iter().any(|line| line.contains('\u{1e}')), "an answer nobody waited for");
        drop(input);
        self.child.wait().unwrap().code()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

fn exit(folder: &Path) -> Exit {
    serde_json::from_slice(&std::fs::read(folder.join(EXIT_FILE)).unwrap()).unwrap()
}

/// A folder whose job waits until its job file, a pipe, is opened for writing.
fn waiting_job() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new("mkfifo").arg(folder.path().join(JOB_FILE)).status().unwrap().success());
    folder
}

/// Opens the job file as its writer, which succeeds only once the job reads it.
fn wait_until_running(folder: &Path) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(folder.join(JOB_FILE)).unwrap()
}

#[test]
fn jobs_that_are_wrong_are_answered_and_the_runner_goes_on() {
    let mut runner = Runner::start();
    for token in ["a1", "b2"] {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(runner.serve(folder.path(), token).class, ExitClass::InvalidInput);
    }
    runner.child.stdin = None;
    assert_eq!(runner.ended(), Some(ExitClass::Killed.code()));
}

#[test]
fn a_runner_that_is_told_to_stop_says_so_for_its_job() {
    let wrong = tempfile::tempdir().unwrap();
    for (signal, class) in [("-TERM", ExitClass::Cancelled), ("-USR1", ExitClass::Preempted)] {
        let mut runner = Runner::start();
        runner.serve(wrong.path(), "a1");
        let job = waiting_job();
        runner.ask(job.path(), "b2");
        let _pipe = wait_until_running(job.path());
        runner.signal(signal);
        assert_eq!(runner.ended(), Some(class.code()));
        assert_eq!(exit(job.path()).class, class);
        assert_eq!(exit(wrong.path()).class, ExitClass::InvalidInput, "the job before keeps its own end");
    }
}

#[test]
fn a_runner_between_two_jobs_ends_when_told() {
    let mut runner = Runner::start();
    runner.serve(tempfile::tempdir().unwrap().path(), "a1");
    runner.signal("-TERM");
    assert_eq!(runner.ended(), Some(ExitClass::Preempted.code()));
}

#[test]
fn a_runner_ends_with_its_worker_in_mid_job() {
    let mut runner = Runner::start();
    let job = waiting_job();
    runner.ask(job.path(), "a1");
    let _pipe = wait_until_running(job.path());
    runner.child.stdin = None;
    assert_eq!(runner.ended(), Some(ExitClass::Killed.code()));
    assert!(!job.path().join(EXIT_FILE).exists());
}

#[test]
fn a_line_that_is_no_request_ends_the_runner() {
    let mut runner = Runner::start();
    runner.child.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
    assert_eq!(runner.ended(), Some(ExitClass::Config.code()));
}

fn reference(path: &Path) -> ArtifactRef {
    let bytes = std::fs::read(path).unwrap();
    ArtifactRef { digest: Digest::of(&bytes), size: bytes.len() as u64, media_type: "test".into() }
}

/// An evaluation of these weights on two items.
fn evaluation(weights: &Path, user: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let items = folder.path().join("items.jsonl");
    let text = "{\"id\":\"a\",\"input\":\"What is the capital of France?\",\"expected\":\"Paris\"}\n\
                {\"id\":\"b\",\"input\":\"What is 2 + 2?\",\"expected\":\"4\"}\n";
    std::fs::write(&items, text).unwrap();
    let model =
        ModelBinding { id: ModelId::new("model"), weights: reference(weights), files: BTreeMap::new() };
    let version = SystemVersion {
        model: model.into(),
        adapter: None,
        prompt: Prompt { system: String::new(), user: user.into(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    };
    let params = EvaluateParams {
        items: reference(&items),
        positions: vec![1, 0],
        assertions: vec![Assertion::Regex { value: ".".into() }],
        labels: Vec::new(),
        batch: 2,
        version,
    };
    let inputs = BTreeMap::from([
        (params.version.artifacts()[0].digest.clone(), PathBuf::from(weights)),
        (params.items.digest.clone(), items),
    ]);
    let kind = JobKind::Evaluate(Box::new(params));
    let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
    let outputs = vec![RESULTS_FILE.to_owned()];
    let file = JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 };
    std::fs::write(folder.path().join(JOB_FILE), serde_json::to_vec(&file).unwrap()).unwrap();
    folder
}

#[test]
fn a_failure_that_casts_doubt_ends_the_runner_with_its_class() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("weights");
    std::fs::write(&weights, "never read").unwrap();
    let job = evaluation(&weights, "{{input}}");
    // Every write to this device fails as on a full disk.
    std::os::unix::fs::symlink("/dev/full", job.path().join(PROGRESS_FILE)).unwrap();
    let mut runner = Runner::start();
    runner.ask(job.path(), "a1");
    assert_eq!(runner.ended(), Some(ExitClass::DiskFull.code()));
    assert_eq!(exit(job.path()).class, ExitClass::DiskFull);
}

#[test]
fn a_real_model_answers_the_same_warm_and_cold() {
    let weights = std::env::var_os("EMPIRIC_TEST_MODEL").expect("EMPIRIC_TEST_MODEL names the GGUF file");
    let weights = PathBuf::from(weights);
    let results = |job: &TempDir| std::fs::read(job.path().join(OUTPUT_FOLDER).join(RESULTS_FILE)).unwrap();
    let [cold, first, second] =
        ["{{input}}", "Q: {{input}}", "{{input}}"].map(|user| evaluation(&weights, user));
    assert_eq!(run(cold.path()), ExitClass::Success);
    let mut runner = Runner::start();
    let before = runner.serve(first.path(), "a1");
    let after = runner.serve(second.path(), "b2");
    assert_eq!((before.class, after.class), (ExitClass::Success, ExitClass::Success));
    assert_eq!(results(&second), results(&cold));
    assert_ne!(results(&first), results(&cold));
    runner.child.stdin = None;
    assert_eq!(runner.ended(), Some(ExitClass::Killed.code()));
}

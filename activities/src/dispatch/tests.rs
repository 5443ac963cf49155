//! Jobs as real processes. Each test polls for what it waits for, with a deadline.

use std::fs;
use std::future::{Future, pending};
use std::path::{Path, PathBuf};
use std::time::Duration;

use empiric_schema::budget::Spend;
use empiric_schema::contract::{JobOutcome, JobRequest};
use empiric_schema::id::{ModelId, RunId};
use empiric_schema::job::{EvaluateParams, ExitClass, JobKind, JobSpec, Progress};
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use tempfile::TempDir;
use tokio::sync::watch;

use super::error::{DispatchError, JobFailure, Stop};
use super::local::{LocalDispatcher, LocalSettings};
use crate::adapters::artifact_store::ArtifactStore;

mod checkpoints;
mod endings;
mod exits;
mod faults;
mod fencing;
mod reuse;
mod warm;

/// Writes `out/answer.txt` and an `exit.json` that says so.
const SUCCEED: &str = r#"
printf hello > out/answer.txt
digest=$(sha256sum out/answer.txt | cut -d' ' -f1)
printf '{"class":"success","usage":{"prompt_tokens":7,"completion_tokens":3,"seconds":0,"peak_memory":1},
  "outputs":{"answer.txt":{"digest":"sha256:%s","size":5,"media_type":"text/plain"}}}' "$digest" > exit.tmp
mv exit.tmp exit.json
"#;

/// The same for an `evaluate` job of one item.
const SUCCEED_EVALUATION: &str = r#"
printf '{}\n' > out/results.jsonl
digest=$(sha256sum out/results.jsonl | cut -d' ' -f1)
printf '{"class":"success","evaluation":{"passed":"1","harmful":"0","results":"results.jsonl"},
  "outputs":{"results.jsonl":{"digest":"sha256:%s","size":3,"media_type":"application/jsonl"}}}' "$digest" > exit.tmp
mv exit.tmp exit.json
"#;

const DEADLINE: Duration = Duration::from_secs(20);

/// A dispatcher in a folder of its own.
struct Bench {
    folder: TempDir,
    dispatcher: LocalDispatcher,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut LocalSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dispatcher = open(folder.path(), change).await;
        Self { folder, dispatcher }
    }

    /// The same folders after a restart of the worker.
    async fn reopened(&self) -> LocalDispatcher {
        open(self.folder.path(), |_| {}).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, script: &str) -> Result<JobOutcome, DispatchError> {
        run(&self.dispatcher, &request(script), pending()).await
    }

    async fn failure(&self, script: &str) -> JobFailure {
        match self.run(script).await {
            Err(DispatchError::Failed(failure)) => failure,
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    async fn class(&self, script: &str) -> ExitClass {
        self.failure(script).await.class
    }

    /// The folder of the only job.
    fn job_folder(&self) -> PathBuf {
        let jobs = fs::read_dir(self.path("jobs")).unwrap().map(|entry| entry.unwrap().path());
        jobs.filter(|path| path.join("lock").exists()).max().unwrap()
    }
}

async fn open(folder: &Path, change: impl FnOnce(&mut LocalSettings)) -> LocalDispatcher {
    let mut settings = LocalSettings::new(folder.join("jobs"), "/bin/sh");
    settings.grace = Duration::from_millis(300);
    settings.look = Duration::from_millis(20);
    settings.warm = None;
    change(&mut settings);
    let store = ArtifactStore::local(&folder.join("store")).unwrap();
    LocalDispatcher::open(settings, store).await.unwrap()
}

fn request(script: &str) -> JobRequest {
    command(&["/bin/sh", "-c", script])
}

fn command(argv: &[&str]) -> JobRequest {
    let argv = argv.iter().map(|&word| word.to_owned()).collect();
    JobRequest {
        run: RunId::new("run"),
        label: "test".to_owned(),
        job: JobSpec { kind: JobKind::Command { argv }, seed: 0, repeat: 0, reserve: Spend::default() },
    }
}

/// An `evaluate` job over two artifacts of the store.
async fn evaluation(bench: &Bench) -> JobRequest {
    evaluation_of(bench, "weights").await
}

async fn evaluation_of(bench: &Bench, weights: &'static str) -> JobRequest {
    let store = &bench.dispatcher.store;
    let weights = store.put_bytes(weights, "application/x-gguf").await.unwrap();
    let params = EvaluateParams {
        version: SystemVersion {
            model: ModelBinding { id: ModelId::new("small"), weights, files: Default::default() }.into(),
            adapter: None,
            prompt: Prompt { system: String::new(), user: "{{input}}".into(), answer_cue: String::new() },
            demonstrations: Demonstrations::None,
            decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
            retrieval: None,
            tools: None,
        },
        items: store.put_bytes("items", "application/jsonl").await.unwrap(),
        positions: vec![0],
        assertions: Vec::new(),
        labels: Vec::new(),
        batch: 1,
    };
    let mut request = request("");
    request.job.kind = JobKind::Evaluate(Box::new(params));
    request
}

/// Writes a stand-in for the `empiric` program. Another process writes it: a program that is still open for
/// writing here could not be started.
fn write_program(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("empiric");
    let script = format!("cat > {0} && chmod +x {0}", path.display());
    let mut writer = std::process::Command::new("/bin/sh")
        .args(["-c", &script])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("#!/bin/sh\n{body}\n");
    std::io::Write::write_all(&mut writer.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    path
}

async fn run(
    dispatcher: &LocalDispatcher,
    request: &JobRequest,
    stop: impl Future<Output = Stop>,
) -> Result<JobOutcome, DispatchError> {
    let (progress, _seen) = watch::channel(Progress::default());
    let ended = tokio::time::timeout(DEADLINE, dispatcher.run(request, stop, &progress)).await;
    ended.expect("the job ends within the deadline")
}

/// Waits until `look` gives something.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = tokio::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "no {what} within the deadline");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The numbers in a file, once there are so many lines.
fn numbers(path: &Path, lines: usize) -> Option<Vec<u32>> {
    let text = fs::read_to_string(path).ok()?;
    let whole = text.ends_with('\n') && text.lines().count() >= lines;
    whole.then(|| text.lines().map(|line| line.trim().parse().unwrap()).collect())
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start().chars().next());
    !matches!(state, None | Some(None | Some('Z' | 'X')))
}

//! A worker with the real workflows and fake activities, and runs on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use empiric_schema::contract::{GivenAnswer, LifecycleInput, Record, RunOptions};
use empiric_schema::decision::{DecisionRecord, StopReason};
use empiric_schema::id::RunId;
use empiric_schema::question::Question;
use empiric_schema::spec::ProjectSpec;
use empiric_schema::view::RunView;
use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use temporalio_client::errors::{WorkflowGetResultError, WorkflowUpdateError};
use temporalio_client::{
    Client, WorkflowDescribeOptions, WorkflowExecuteUpdateOptions, WorkflowExecutionStatus,
    WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowHandle, WorkflowHistory,
    WorkflowQueryOptions, WorkflowStartOptions,
};
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use crate::fakes::{Fakes, Script, Seen};
use crate::server;

/// The project of these tests; `budget` and the number of iterations differ.
const PROJECT: &str = "
name: loop-test
description: Answers short questions
scope:
  task: answer
  success:
    - {metric: accuracy, at_least: 0.5}
data: {train: file://train.jsonl, dev: file://dev.jsonl, test: file://test.jsonl}
models: [{id: m, source: file://m.gguf}]
system: {model: m, prompt: file://prompt.txt}
evaluate: {assert: [{type: icontains, value: '{{expected}}'}]}
improve: {techniques: [prompt], max_iterations: 1, candidates: 8}
gate: {alpha: 0.05, test_looks: 2}
";

/// The longest that any run of these tests may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How soon a cancellation reaches a job.
const HEARTBEATS: Duration = Duration::from_millis(200);

static RUNS: AtomicU32 = AtomicU32::new(1);

/// The project with these lines added.
pub fn project(added: &str) -> ProjectSpec {
    ProjectSpec::parse("project.yaml", &format!("{PROJECT}{added}")).unwrap_or_else(|found| panic!("{found}"))
}

/// The project with every rung of the ladder, named in an order that is not the one in which they are needed.
pub fn ladder() -> ProjectSpec {
    let techniques = "{techniques: [fine_tune, tools, prompt, rag], max_iterations: 6, candidates: 8}";
    let text = PROJECT.replace("{techniques: [prompt], max_iterations: 1, candidates: 8}", techniques);
    let text =
        text.replace("test: file://test.jsonl}", "test: file://test.jsonl, documents: [file://docs/*.md]}");
    ProjectSpec::parse("project.yaml", &text).unwrap_or_else(|found| panic!("{found}"))
}

/// A worker on a queue of its own.
pub struct Bench {
    pub client: Client,
    queue: String,
    fakes: Fakes,
    shutdown: Box<dyn Fn() + Send>,
    thread: JoinHandle<()>,
}

impl Bench {
    pub async fn start() -> Self {
        let client = server::connect().await;
        let queue = format!("bench-{}", RUNS.fetch_add(1, Ordering::Relaxed));
        Self::work(client, queue, Fakes::default())
    }

    fn work(client: Client, queue: String, fakes: Fakes) -> Self {
        let options = WorkerOptions::new(queue.clone())
            .max_heartbeat_throttle_interval(HEARTBEATS)
            .default_heartbeat_throttle_interval(HEARTBEATS)
            .register_workflow::<Lifecycle>()
            .and_then(|options| options.register_workflow::<Iteration>())
            .unwrap()
            .register_activities(fakes.clone())
            .build();
        let (shutdown, thread) = work(client.clone(), options);
        Self { client, queue, fakes, shutdown, thread }
    }

    /// Ends the worker and starts another, which knows nothing but what is in the histories.
    pub async fn restart(self) -> Self {
        let (client, queue, fakes) = (self.client.clone(), self.queue.clone(), self.fakes.clone());
        self.stop().await;
        Self::work(client, queue, fakes)
    }

    /// Starts a run of the project.
    pub async fn run(&self, spec: ProjectSpec, script: Script) -> TestRun {
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let run = RunId::new(format!("{}-{number}", spec.name));
        let diagnose = script.diagnosis.is_some();
        let script = self.fakes.play(&run, script);
        let options = RunOptions {
            jobs_queue: self.queue.clone(),
            diagnose,
            compare: diagnose,
            ..RunOptions::default()
        };
        let input = LifecycleInput {
            run: run.clone(),
            project_dir: "project".into(),
            spec,
            options,
            earlier_looks: Vec::new(),
            joined: Vec::new(),
            start: None,
            by: None,
            preferences: Vec::new(),
        };
        let start = WorkflowStartOptions::new(self.queue.clone(), run.as_str()).build();
        self.client.start_workflow(Lifecycle::run, input, start).await.unwrap();
        let handle = self.client.get_workflow_handle(run.as_str());
        TestRun { run, script, handle, client: self.client.clone() }
    }

    /// Runs the project to its end.
    pub async fn run_to_end(&self, spec: ProjectSpec, script: Script) -> (TestRun, RunView) {
        let run = self.run(spec, script).await;
        let view = run.end().await;
        (run, view)
    }

    pub async fn stop(self) {
        (self.shutdown)();
        tokio::task::spawn_blocking(move || self.thread.join()).await.unwrap().unwrap();
    }
}

/// Runs a worker on a thread of its own: workflow futures cannot change threads.
pub fn work(client: Client, options: WorkerOptions) -> (Box<dyn Fn() + Send>, JoinHandle<()>) {
    let handle = tokio::runtime::Handle::current();
    let (ready, started) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _entered = handle.enter();
        let runtime = Runtime::from_current_tokio(Default::default()).unwrap();
        let mut worker = Worker::new(&runtime, client, options).unwrap();
        let shutdown: Box<dyn Fn() + Send> = Box::new(worker.shutdown_handle());
        ready.send(shutdown).unwrap();
        handle.block_on(worker.run()).unwrap();
    });
    (started.recv().unwrap(), thread)
}

/// What a person says to a question.
#[derive(Debug, Clone, Copy)]
pub enum Say {
    Approve,
    /// With the reason.
    Reject(&'static str),
}

/// A run, and what its activities saw.
pub struct TestRun {
    pub run: RunId,
    pub script: Arc<Script>,
    pub handle: WorkflowHandle<Client, Lifecycle>,
    client: Client,
}

impl TestRun {
    /// The last view of a run that ends by itself.
    pub async fn end(&self) -> RunView {
        self.result().await.expect("the run ends in order")
    }

    pub async fn result(&self) -> Result<RunView, WorkflowGetResultError> {
        let result = self.handle.get_result(WorkflowGetResultOptions::default());
        tokio::time::timeout(PATIENCE, result).await.expect("the run ends in time")
    }

    pub async fn view(&self) -> RunView {
        let view = self.handle.query(Lifecycle::view, (), WorkflowQueryOptions::default()).await;
        view.unwrap().expect("the run has begun")
    }

    /// The first recorded state of a question that is as wanted.
    pub async fn question(&self, wanted: impl Fn(&Question) -> bool) -> Question {
        let found = |seen: &Seen| {
            seen.records.iter().find_map(|record| match record {
                Record::Question(question) if wanted(question) => Some((**question).clone()),
                _ => None,
            })
        };
        self.script.until(|seen| found(seen).is_some()).await;
        self.script.look(found).expect("it was there a moment ago")
    }

    /// Answers a question in Ada's name.
    pub async fn answer(&self, question: u32, say: Say) -> Result<Question, WorkflowUpdateError> {
        let (approved, note) = match say {
            Say::Approve => (true, String::new()),
            Say::Reject(note) => (false, note.to_owned()),
        };
        let given = GivenAnswer { question, approved, by: "ada".to_owned(), note };
        self.handle.execute_update(Lifecycle::answer, given, WorkflowExecuteUpdateOptions::default()).await
    }

    pub async fn status(&self) -> WorkflowExecutionStatus {
        self.handle.describe(WorkflowDescribeOptions::default()).await.unwrap().status()
    }

    pub fn history(&self) -> WorkflowHistory {
        self.handle.fetch_history(WorkflowFetchHistoryOptions::default())
    }

    pub fn iteration_history(&self) -> WorkflowHistory {
        let handle: WorkflowHandle<Client, Iteration> =
            self.client.get_workflow_handle(format!("{}/iteration-1", self.run));
        handle.fetch_history(WorkflowFetchHistoryOptions::default())
    }
}

/// What must be the same however often activities fail or run twice.
pub fn gist(view: &RunView) -> (Vec<DecisionRecord>, Option<StopReason>, usize) {
    (view.decisions.clone(), view.stop.clone(), view.measurements.len())
}

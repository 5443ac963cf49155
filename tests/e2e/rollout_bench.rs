//! A rollout on a real server with the real activities over a real database, and rows as the gateway writes them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use empiric_activities::adapters::artifact_store::ArtifactStore;
use empiric_activities::adapters::database::Database;
use empiric_activities::adapters::signing_key::SigningKey;
use empiric_activities::adapters::source::NetworkMode;
use empiric_activities::record::RecorderActivities;
use empiric_activities::rollout::RolloutActivities;
use empiric_activities::scope::ScopeActivities;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::contract::{
    GivenDemotion, ReleaseClaim, ReleaseOffer, RunOptions, SignedClaim, SignedOffer,
};
use empiric_schema::db::entity::{draft, feedback, request_log};
use empiric_schema::exposure::Exposure;
use empiric_schema::id::{ModelId, RunId};
use empiric_schema::rollout::{RolloutView, Rung};
use empiric_schema::spec::{Approver, EndpointSpec, ProjectSpec, StageName};
use empiric_schema::version::{
    Decoding, Demonstrations, EndpointBinding, ModelBinding, Prompt, SystemVersion,
};
use empiric_schema::view::RunView;
use empiric_workflows::iteration::Iteration;
use empiric_workflows::lifecycle::Lifecycle;
use empiric_workflows::rollout::{Books, Rollout, RolloutInput, WINDOWS_PER_EXECUTION};
use sea_orm::{ActiveModelTrait as _, DatabaseConnection, IntoActiveModel as _, NotSet, Set};
use tempfile::TempDir;
use temporalio_client::errors::WorkflowUpdateError;
use temporalio_client::{
    Client, WorkflowExecuteUpdateOptions, WorkflowFetchHistoryOptions, WorkflowGetResultOptions,
    WorkflowHandle, WorkflowHistory, WorkflowQueryOptions, WorkflowSignalOptions, WorkflowStartOptions,
    WorkflowTerminateOptions,
};
use temporalio_sdk::WorkerOptions;

use crate::bench::work;
use crate::rollout_world::{Hopeless, listen};
use crate::server;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

static ROLLOUTS: AtomicU32 = AtomicU32::new(1);

/// A project folder, its state, a worker and a listener for what people are told.
pub struct RolloutBench {
    pub client: Client,
    pub activities: RolloutActivities,
    pub key: SigningKey,
    pub project: String,
    folder: TempDir,
    rows: DatabaseConnection,
    queue: String,
    told: Arc<Mutex<Vec<String>>>,
    alert: String,
    shutdown: Box<dyn Fn() + Send>,
    thread: JoinHandle<()>,
}

impl RolloutBench {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let number = ROLLOUTS.fetch_add(1, Ordering::Relaxed);
        let (project, queue) = (format!("shop-{number}"), format!("rollout-bench-{number}"));
        write_project(folder.path());
        let path = folder.path().join("empiric.db");
        let database = Database::open(&path).await.unwrap();
        let store = ArtifactStore::local(&folder.path().join("store")).unwrap();
        let rows = sea_orm::Database::connect(format!("sqlite://{}?mode=rw", path.display())).await.unwrap();
        let client = server::connect().await;
        let activities = RolloutActivities {
            database: database.clone(),
            store: store.clone(),
            state: folder.path().to_owned(),
            network: NetworkMode::Offline,
        };
        let cache_dir = folder.path().join("cache");
        let scope = ScopeActivities { store: store.clone(), cache_dir, network: NetworkMode::Offline };
        let options = WorkerOptions::new(queue.clone())
            .register_workflow::<Rollout>()
            .and_then(|options| options.register_workflow::<Lifecycle>())
            .and_then(|options| options.register_workflow::<Iteration>())
            .unwrap()
            .register_activities(activities.clone())
            .register_activities(scope)
            .register_activities(RecorderActivities { database, store: store.clone() })
            .register_activities(Hopeless { store })
            .build();
        let (shutdown, thread) = work(client.clone(), options);
        let (alert, told) = listen().await;
        let key = SigningKey::open(folder.path()).unwrap();
        Self { client, activities, key, project, folder, rows, queue, told, alert, shutdown, thread }
    }

    /// Begins the rollout; `added` are lines of the spec.
    pub async fn begin(&self, added: &str, windows_per_execution: u32) {
        self.begin_as(&self.spec(added), windows_per_execution).await;
    }

    /// Begins the rollout of a spec.
    pub async fn begin_as(&self, text: &str, windows_per_execution: u32) {
        self.begin_with(parsed(text), windows_per_execution).await;
    }

    async fn begin_with(&self, spec: ProjectSpec, windows_per_execution: u32) {
        let input = RolloutInput {
            spec,
            project_dir: self.folder.path().to_owned(),
            options: RunOptions {
                jobs_queue: self.queue.clone(),
                diagnose: false,
                compare: false,
                ..RunOptions::default()
            },
            approver_key: self.key.public(),
            windows_per_execution,
            books: Books::begin(0),
        };
        let id = RolloutInput::workflow_id(&self.project);
        let start = WorkflowStartOptions::new(self.queue.clone(), id).build();
        self.client.start_workflow(Rollout::run, input, start).await.unwrap();
    }

    pub async fn begin_plain(&self) {
        self.begin("", WINDOWS_PER_EXECUTION).await;
    }

    /// Who asks for a release does not approve it.
    pub async fn begin_other(&self) {
        let mut spec = parsed(&self.spec(""));
        spec.deploy.as_mut().expect("stages").approver = Approver::Other;
        self.begin_with(spec, WINDOWS_PER_EXECUTION).await;
    }

    /// The spec with some lines more, the first of them in `monitor`.
    pub fn spec(&self, added: &str) -> String {
        format!("name: {}\n{SPEC}  alert: \"{}\"\n{added}", self.project, self.alert)
    }

    pub async fn release(&self, version: &SystemVersion) -> Digest {
        self.activities.release(&self.project, version, "by hand", now()).await.unwrap();
        version.digest()
    }

    pub fn handle(&self) -> WorkflowHandle<Client, Rollout> {
        self.client.get_workflow_handle(RolloutInput::workflow_id(&self.project))
    }

    pub async fn view(&self) -> RolloutView {
        let view = self.handle().query(Rollout::view, (), WorkflowQueryOptions::default()).await;
        view.unwrap().expect("the project has stages")
    }

    /// The first view that is as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&RolloutView) -> bool) -> RolloutView {
        let found = async {
            loop {
                let view = self.view().await;
                if wanted(&view) {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(view) => view,
            Err(_) => panic!("never: {what}; it stands so: {:#?}", self.view().await),
        }
    }

    /// Waits until the subject stands there by itself.
    pub async fn until_at(&self, rung: Rung) -> RolloutView {
        let at = |view: &RolloutView| view.subject.as_ref().is_some_and(|subject| subject.rung == rung);
        self.until(&rung.to_string(), at).await
    }

    /// Waits until the gateway would serve so: the view tells of it a moment earlier.
    pub async fn until_exposed(&self, wanted: impl Fn(&Exposure) -> bool) -> Exposure {
        let read = || self.activities.database.exposure(&self.project);
        let found = async {
            loop {
                match read().await.unwrap() {
                    Some(exposure) if wanted(&exposure) => return exposure,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(exposure) => exposure,
            Err(_) => panic!("never exposed as wanted: {:?}", read().await),
        }
    }

    pub async fn exposure(&self) -> Exposure {
        self.activities.database.exposure(&self.project).await.unwrap().expect("something is served")
    }

    /// What a person says, about what stands now.
    pub async fn claim(&self, version: &Digest, to: Option<Rung>, approved: bool) -> ReleaseClaim {
        ReleaseClaim {
            project: self.project.clone(),
            version: version.clone(),
            to,
            approved,
            by: "ada".to_owned(),
            note: String::new(),
            nonce: self.view().await.nonce,
        }
    }

    pub async fn promote(&self, version: &Digest, to: Option<Rung>) -> Result<(), WorkflowUpdateError> {
        let claim = self.claim(version, to, true).await;
        self.send(self.key.sign(claim)).await
    }

    pub async fn send(&self, signed: SignedClaim) -> Result<(), WorkflowUpdateError> {
        let options = WorkflowExecuteUpdateOptions::default();
        self.handle().execute_update(Rollout::promote, signed, options).await.map(|_| ())
    }

    /// A yes or a no to the open question.
    pub async fn answer(&self, approved: bool) -> Result<(), WorkflowUpdateError> {
        let asked = self.view().await.question.expect("a question");
        let signed = self.key.sign(self.claim(&asked.version, Some(asked.to), approved).await);
        let options = WorkflowExecuteUpdateOptions::default();
        let done = match approved {
            true => self.handle().execute_update(Rollout::approve, signed, options).await,
            false => self.handle().execute_update(Rollout::reject, signed, options).await,
        };
        done.map(|_| ())
    }

    /// What a run offers.
    pub fn offer(&self, version: &Digest) -> SignedOffer {
        let offer = ReleaseOffer {
            project: self.project.clone(),
            version: version.clone(),
            run: RunId::new("shop-run-1"),
            by: None,
        };
        self.key.sign_offer(offer)
    }

    pub async fn signal(&self, offer: SignedOffer) {
        self.handle().signal(Rollout::offer, offer, WorkflowSignalOptions::default()).await.unwrap();
    }

    pub async fn demote(&self) -> Result<(), WorkflowUpdateError> {
        self.step_back(None).await
    }

    pub async fn demote_as_looked_at(&self, nonce: &str) -> Result<(), WorkflowUpdateError> {
        self.step_back(Some(nonce.to_owned())).await
    }

    async fn step_back(&self, nonce: Option<String>) -> Result<(), WorkflowUpdateError> {
        let (by, note) = ("bob".to_owned(), "wrong opening hours".to_owned());
        let given = GivenDemotion { by, note, nonce };
        let options = WorkflowExecuteUpdateOptions::default();
        self.handle().execute_update(Rollout::demote, given, options).await.map(|_| ())
    }

    /// Readers judge that many answers.
    pub async fn readers(&self, version: &Digest, stage: StageName, count: u32, thumb: &str) {
        for _ in 0..count {
            let number = ROLLOUTS.fetch_add(1, Ordering::Relaxed);
            let row = feedback::ActiveModel {
                sequence: NotSet,
                project: Set(self.project.clone()),
                request_id: Set(format!("request-{number}")),
                version: Set(version.to_string()),
                stage: Set(stage.name().to_owned()),
                by: Set("web".to_owned()),
                at: Set(now()),
                thumb: Set(Some(thumb.to_owned())),
                correction: Set(None),
                note: Set(None),
                harmful: Set(None),
            };
            row.insert(&self.rows).await.unwrap();
        }
    }

    /// The version gives that many answers, which nobody judges.
    pub async fn answers(&self, version: &Digest, stage: StageName, count: u32, text: &str) {
        for _ in 0..count {
            let number = ROLLOUTS.fetch_add(1, Ordering::Relaxed);
            let question = format!("What of number {number}?");
            let row = request_log::ActiveModel {
                sequence: NotSet,
                id: Set(format!("request-{number}")),
                timestamp: Set(now()),
                workload_id: Set(self.project.clone()),
                client_id: Set("web".to_owned()),
                api_key: Set("web".to_owned()),
                audience: Set("users".to_owned()),
                request: Set(Some(serde_json::json!({"messages": [{"role": "user", "content": question}]}))),
                response: Set(Some(text.to_owned())),
                version: Set(version.to_string()),
                stage: Set(stage.name().to_owned()),
                arm: Set("serving".to_owned()),
                beside: Set(None),
                retrieval: Set(serde_json::json!([])),
                prompt_tokens: Set(10),
                completion_tokens: Set(5),
                usd: Set(0.0),
                latency_ms: Set(20.0),
                outcome: Set("answered".to_owned()),
                problem: Set(String::new()),
                redacted: Set(false),
            };
            row.insert(&self.rows).await.unwrap();
        }
    }

    /// Reviewers decide about that many drafts; `given` is what the caller gets.
    pub async fn reviewers(&self, version: &Digest, stage: StageName, count: u32, state: &str) {
        for _ in 0..count {
            let number = ROLLOUTS.fetch_add(1, Ordering::Relaxed);
            let topic = TOPICS[number as usize % TOPICS.len()];
            let given = (state != "rejected").then(|| format!("{topic} is on page {number}"));
            let row = draft::Model {
                id: format!("draft-{number}"),
                project: self.project.clone(),
                request_id: format!("request-{number}"),
                client_id: "web".to_owned(),
                api_key: "web".to_owned(),
                version: version.to_string(),
                arm: "serving".to_owned(),
                stage: stage.name().to_owned(),
                input: format!("{} of {topic}?", Digest::of(&number.to_be_bytes()).short()),
                answer: "I do not know.".to_owned(),
                digest: Digest::of(b"draft").to_string(),
                passages: serde_json::json!([]),
                state: state.to_owned(),
                created: now(),
                deadline: now() + 60.0,
                escalated: None,
                decided: Some(now()),
                decided_by: Some("ada".to_owned()),
                given,
                note: None,
                signature: None,
            };
            row.into_active_model().insert(&self.rows).await.unwrap();
        }
    }

    /// What people were told so far.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// The last view of a run that the rollout opened.
    pub async fn end_of(&self, run: &RunId) -> RunView {
        let handle: WorkflowHandle<Client, Lifecycle> = self.client.get_workflow_handle(run.as_str());
        let result = handle.get_result(WorkflowGetResultOptions::default());
        tokio::time::timeout(PATIENCE, result).await.expect("the run ends in time").unwrap()
    }

    pub fn history(&self) -> WorkflowHistory {
        self.handle().fetch_history(WorkflowFetchHistoryOptions::default())
    }

    pub async fn stop(self) {
        self.handle().terminate(WorkflowTerminateOptions::default()).await.unwrap();
        (self.shutdown)();
        tokio::task::spawn_blocking(move || self.thread.join()).await.unwrap().unwrap();
    }
}

/// `{name}` comes before, the address for alerts and more behind.
const SPEC: &str = r#"
scope:
  task: answer
  success: [{metric: accuracy, at_least: 0.7}, {metric: harm_rate, at_most: 0.05}]
data: {train: file://train.jsonl, dev: file://dev.jsonl, test: file://test.jsonl}
models: [{id: m, source: "file://m.gguf"}]
system: {model: m, prompt: "Be brief."}
evaluate: {assert: [{type: icontains, value: "{{expected}}"}]}
improve: {techniques: [prompt], max_iterations: 1, candidates: 2}
deploy:
  stages:
    - {name: internal, min_samples: 20}
    - {name: reviewed, min_samples: 20}
    - {name: direct, traffic: [50, 100], min_samples: 20}
monitor:
  window: 1s
  max_failure_rate: 0.25
  feedback: true
"#;

const TOPICS: [&str; 8] = [
    "bicycles",
    "annual leave",
    "uniforms",
    "allergies",
    "lost property",
    "payroll",
    "fire drills",
    "minibar keys",
];

fn write_project(folder: &Path) {
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let items = |split: &str, count: usize| -> String {
        (0..count)
            .map(|at| {
                let mark: String =
                    Digest::of(format!("{split}{at}").as_bytes()).hex().chars().take(24).collect();
                format!("{{\"id\":\"{split}-{at}\",\"input\":\"{mark}\",\"expected\":\"{at}\"}}\n")
            })
            .collect()
    };
    write("train.jsonl", items("train", 8));
    write("dev.jsonl", items("dev", 16));
    write("test.jsonl", items("test", 8));
    write("m.gguf", "weights".to_owned());
    std::fs::create_dir(folder.join("encoder")).unwrap();
    for name in ["model.safetensors", "config.json", "tokenizer.json"] {
        write(&format!("encoder/{name}"), name.to_owned());
    }
}

/// A system that differs from others by its prompt alone.
pub fn version(prompt: &str) -> SystemVersion {
    let weights =
        ArtifactRef { digest: Digest::of(b"weights"), size: 7, media_type: "application/x-gguf".to_owned() };
    SystemVersion {
        model: ModelBinding { id: ModelId::new("m"), weights, files: Default::default() }.into(),
        adapter: None,
        prompt: Prompt { system: prompt.to_owned(), user: "{{input}}".to_owned(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 8, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    }
}

/// The same behind a server that nobody runs.
pub fn remote(prompt: &str) -> SystemVersion {
    let endpoint = EndpointSpec {
        url: "http://127.0.0.1:9/v1".to_owned(),
        model: "big".to_owned(),
        api_key: None,
        price: None,
        limits: None,
    };
    let binding = EndpointBinding { id: ModelId::new("big"), endpoint };
    SystemVersion { model: binding.into(), ..version(prompt) }
}

pub fn rung(stage: StageName, traffic: u8) -> Rung {
    Rung { stage, traffic }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Where histories are kept.
pub fn histories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories")
}

fn parsed(text: &str) -> ProjectSpec {
    ProjectSpec::parse("project.yaml", text).unwrap_or_else(|found| panic!("{found}"))
}

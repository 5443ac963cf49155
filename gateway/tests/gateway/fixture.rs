//! A gateway on a free port, its database, and models to serve: a server that answers by rule, and a tiny random one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use empiric_endpoint::test_server::{Answer, Request, TestServer};
use empiric_gateway::steer::Steering;
use empiric_gateway::store::Store;
use empiric_gateway::{
    Courier, FilesError, Gateway, Parts, Seal, Settings, Signer, VersionFiles, bind, keys,
};
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::db::entity::{draft, exposure, feedback, release, request_log};
use empiric_schema::db::{Migrator, MigratorTrait as _};
use empiric_schema::exposure::Exposure;
use empiric_schema::id::ModelId;
use empiric_schema::served::Audience;
use empiric_schema::spec::StageName;
use empiric_schema::version::{
    Decoding, Demonstrations, EndpointBinding, ModelBinding, Prompt, SystemVersion,
};
use sea_orm::{ConnectOptions, DatabaseConnection, EntityTrait as _, IntoActiveModel as _, QueryOrder as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Name of the served project.
pub const PROJECT: &str = "handbook";

/// A gateway that runs until it is dropped.
pub struct Running {
    pub address: String,
    pub store: Store,
    pub database: DatabaseConnection,
    pub http: reqwest::Client,
    pub folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<JoinHandle<()>>,
}

/// A key of tests: a secret that is hashed along.
#[derive(Debug)]
pub struct Secret;

impl Signer for Secret {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        Digest::of(&[b"secret", message].concat()).hex().as_bytes().to_vec()
    }

    fn is_genuine(&self, message: &[u8], signature: &[u8]) -> bool {
        self.sign(message) == signature
    }
}

/// Files by digest.
#[derive(Debug, Default)]
pub struct Files(pub BTreeMap<Digest, PathBuf>);

#[async_trait]
impl VersionFiles for Files {
    async fn fetch(&self, _: &SystemVersion) -> Result<BTreeMap<Digest, PathBuf>, FilesError> {
        Ok(self.0.clone())
    }
}

/// What a test wants of its gateway before it starts.
pub struct Setup {
    pub folder: TempDir,
    pub database: DatabaseConnection,
    pub files: Files,
    pub courier: Option<Arc<dyn Courier>>,
    pub steering: Option<Arc<dyn Steering>>,
    pub settings: Settings,
}

impl Setup {
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let database = open(&folder.path().join("empiric.db")).await;
        Migrator::up(&database, None).await.unwrap();
        let (poll, grace) = (Duration::from_millis(50), Duration::from_secs(1));
        let settings = Settings { poll, grace, ..Settings::new(PROJECT) };
        Self { folder, database, files: Files::default(), courier: None, steering: None, settings }
    }

    /// Makes a version known.
    pub async fn release(&self, version: &SystemVersion) -> Digest {
        release(&self.database, version).await
    }

    /// Exposes a version.
    pub async fn expose(&self, version: &SystemVersion, stage: StageName) -> Digest {
        let digest = self.release(version).await;
        expose(&self.database, exposed(&digest, stage, 1)).await;
        digest
    }

    /// Makes a key.
    pub async fn key(&self, name: &str, audience: Audience) -> String {
        let store = Store::new(self.database.clone());
        keys::make(&store, PROJECT, name, audience, Default::default()).await.unwrap()
    }

    pub async fn start(self) -> Running {
        let parts = Parts {
            database: self.database.clone(),
            files: Arc::new(self.files),
            seal: Seal::new(Arc::new(Secret)),
            courier: self.courier,
            steering: self.steering,
            settings: self.settings,
        };
        let gateway = Gateway::open(parts).await.unwrap();
        let bound = bind(gateway, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = format!("http://{}", bound.address());
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            bound.run(async { drop(stopped.await) }).await.unwrap();
        });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Running {
            address,
            store: Store::new(self.database.clone()),
            database: self.database,
            http,
            folder: self.folder,
            stop: Some(stop),
            ended: Some(ended),
        }
    }
}

impl Running {
    /// Asks without a key.
    pub async fn ask(&self, question: &str) -> (u16, Value) {
        self.ask_as(None, question).await
    }

    pub async fn ask_as(&self, key: Option<&str>, question: &str) -> (u16, Value) {
        self.post("/v1/chat/completions", key, &json!({"messages": [{"role": "user", "content": question}]}))
            .await
    }

    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = self.http.post(format!("{}{path}", self.address)).json(body);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        answer(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str, key: Option<&str>) -> (u16, Value) {
        let mut request = self.http.get(format!("{}{path}", self.address));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        answer(request.send().await.unwrap()).await
    }

    /// A page's status and text.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.address)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The log once it has so many rows.
    pub async fn log(&self, rows: usize) -> Vec<request_log::Model> {
        let read = || async {
            let all = request_log::Entity::find().order_by_asc(request_log::Column::Sequence);
            all.all(&self.database).await.unwrap()
        };
        until("the log", || async { Some(read().await).filter(|found| found.len() >= rows) }).await
    }

    pub async fn drafts(&self) -> Vec<draft::Model> {
        draft::Entity::find().all(&self.database).await.unwrap()
    }

    pub async fn feedback(&self) -> Vec<feedback::Model> {
        feedback::Entity::find().all(&self.database).await.unwrap()
    }

    /// Stops the gateway and waits until it has ended.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.ended.take() {
            tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the gateway ends").unwrap();
        }
    }
}

async fn answer(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
}

/// Waits until there is something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    for _ in 0..600 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come in 15 s");
}

async fn open(path: &std::path::Path) -> DatabaseConnection {
    let (mut options, path) = (ConnectOptions::new("sqlite:"), path.to_owned());
    options.max_connections(4).sqlx_logging(false).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite.filename(&path).create_if_missing(true).pragma("journal_mode", "WAL")
    });
    sea_orm::Database::connect(options).await.unwrap()
}

pub async fn release(database: &DatabaseConnection, version: &SystemVersion) -> Digest {
    let digest = version.digest();
    let row = release::Model {
        project: PROJECT.to_owned(),
        digest: digest.to_string(),
        label: "c1".to_owned(),
        run_id: None,
        at: 0.0,
        content: serde_json::to_value(version).unwrap(),
    };
    release::Entity::insert(row.into_active_model()).exec_without_returning(database).await.unwrap();
    digest
}

pub fn exposed(serving: &Digest, stage: StageName, revision: u64) -> Exposure {
    Exposure {
        project: PROJECT.to_owned(),
        revision,
        stage,
        traffic: 100,
        serving: serving.clone(),
        canary: None,
        shadow: None,
        last_good: None,
        why: "a test".to_owned(),
        at: 0.0,
    }
}

pub async fn expose(database: &DatabaseConnection, exposure: Exposure) {
    let row = exposure::Model {
        project: exposure.project.clone(),
        revision: exposure.revision as i64,
        stage: "internal".to_owned(),
        serving: exposure.serving.to_string(),
        at: exposure.at,
        content: serde_json::to_value(&exposure).unwrap(),
    };
    exposure::Entity::delete_by_id(PROJECT).exec(database).await.unwrap();
    exposure::Entity::insert(row.into_active_model()).exec_without_returning(database).await.unwrap();
}

/// A version behind a server. Its system message is `name`.
pub fn remote(server: &TestServer, name: &str) -> SystemVersion {
    let endpoint =
        json!({"url": server.url(), "model": "m", "api_key": null, "price": {"input": 1.0, "output": 2.0}});
    let model =
        EndpointBinding { id: ModelId::new("big"), endpoint: serde_json::from_value(endpoint).unwrap() };
    SystemVersion {
        model: model.into(),
        adapter: None,
        prompt: Prompt {
            system: name.to_owned(),
            user: "Q: {{input}}".to_owned(),
            answer_cue: String::new(),
        },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 16, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    }
}

/// Answers with the system message and the question, as `name says: Q: ...`.
pub fn echo() -> TestServer {
    TestServer::start(|request, _| {
        Answer::chat(&format!("{} says: {}", system(request), request.question()), 10, 5)
    })
}

/// The system message of a chat request.
pub fn system(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["messages"][0]["content"].as_str().unwrap_or_default().to_owned()
}

/// A version with tiny random weights, which are among the files.
pub fn local(setup: &mut Setup, seed: u64) -> SystemVersion {
    let folder = setup.folder.path().join(format!("tiny-{seed}"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = empiric_jobs::model::write_tiny_model(&folder, seed);
    let bytes = std::fs::read(&path).unwrap();
    let weights =
        ArtifactRef { digest: Digest::of(&bytes), size: bytes.len() as u64, media_type: "test".to_owned() };
    setup.files.0.insert(weights.digest.clone(), path);
    SystemVersion {
        model: ModelBinding { id: ModelId::new("tiny"), weights, files: BTreeMap::new() }.into(),
        adapter: None,
        prompt: Prompt { system: "Be brief.".into(), user: "Q: {{input}}".into(), answer_cue: "A:".into() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 24, stop: vec!["\n".into()], labels: None },
        retrieval: None,
        tools: None,
    }
}

/// The events of a stream, without `[DONE]`.
pub fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The text of a stream's pieces.
pub fn streamed(text: &str) -> String {
    let piece =
        |event: &Value| event["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned();
    events(text).iter().map(piece).collect()
}

//! A gateway as `empiric serve` has it, over a fresh database, before a model server. `switch` on standard input
//! exposes the other of two versions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use empiric_gateway::{FilesError, Gateway, Parts, Seal, Settings, Signer, VersionFiles, bind};
use empiric_schema::artifact::Digest;
use empiric_schema::db::entity::{exposure, release};
use empiric_schema::db::{Migrator, MigratorTrait as _};
use empiric_schema::version::SystemVersion;
use sea_orm::{ConnectOptions, DatabaseConnection, EntityTrait as _, IntoActiveModel as _};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

const PROJECT: &str = "bench";

/// Versions behind endpoints have no files.
#[derive(Debug)]
struct NoFiles;

#[async_trait]
impl VersionFiles for NoFiles {
    async fn fetch(&self, _: &SystemVersion) -> Result<BTreeMap<Digest, PathBuf>, FilesError> {
        Ok(BTreeMap::new())
    }
}

/// Nothing is decided in the benchmark.
#[derive(Debug)]
struct NoKey;

impl Signer for NoKey {
    fn sign(&self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn is_genuine(&self, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

/// Serves until standard input ends.
pub async fn run(model: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(folder.path().join("empiric.db")).await;
    let versions = [version(model, "one"), version(model, "two")];
    for version in &versions {
        release(&database, version).await;
    }
    expose(&database, &versions[0].digest(), 1).await;
    let settings = Settings { queue: 4096, concurrency: 32, ..Settings::new(PROJECT) };
    let seal = Seal::new(Arc::new(NoKey));
    let parts = Parts {
        database: database.clone(),
        files: Arc::new(NoFiles),
        seal,
        courier: None,
        steering: None,
        settings,
    };
    let gateway = Gateway::open(parts).await.expect("a gateway");
    let bound = bind(gateway, "127.0.0.1:0".parse().expect("an address")).await.expect("a free port");
    println!("http://{}/v1", bound.address());
    bound.run(switches(database, versions)).await.expect("the gateway goes on");
}

async fn switches(database: DatabaseConnection, versions: [SystemVersion; 2]) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut revision = 1;
    while let Ok(Some(line)) = lines.next_line().await {
        if line == "switch" {
            revision += 1;
            expose(&database, &versions[(revision + 1) as usize % 2].digest(), revision).await;
        }
    }
}

async fn open(path: PathBuf) -> DatabaseConnection {
    let mut options = ConnectOptions::new("sqlite:");
    options.max_connections(4).sqlx_logging(false).map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite.filename(&path).create_if_missing(true);
        sqlite.pragma("journal_mode", "WAL").pragma("synchronous", "NORMAL")
    });
    let database = sea_orm::Database::connect(options).await.expect("a database");
    Migrator::up(&database, None).await.expect("tables");
    database
}

fn version(model: &str, system: &str) -> SystemVersion {
    let version = json!({
        "model": {"id": "mock", "endpoint": {"url": model, "model": "mock", "api_key": null, "price": null}},
        "prompt": {"system": system, "user": "{{input}}"}, "demonstrations": {"kind": "none"},
        "decoding": {"max_tokens": 16, "stop": []},
    });
    serde_json::from_value(version).expect("a version")
}

async fn release(database: &DatabaseConnection, version: &SystemVersion) {
    let row = release::Model {
        project: PROJECT.to_owned(),
        digest: version.digest().to_string(),
        label: "bench".to_owned(),
        run_id: None,
        at: 0.0,
        content: serde_json::to_value(version).expect("JSON"),
    };
    let insert = release::Entity::insert(row.into_active_model());
    insert.exec_without_returning(database).await.expect("a row");
}

async fn expose(database: &DatabaseConnection, serving: &Digest, revision: i64) {
    let content = json!({
        "project": PROJECT, "revision": revision, "stage": "internal", "traffic": 100, "serving": serving,
        "why": "a benchmark", "at": 0.0,
    });
    let row = exposure::Model {
        project: PROJECT.to_owned(),
        revision,
        stage: "internal".to_owned(),
        serving: serving.to_string(),
        at: 0.0,
        content,
    };
    let mut insert = exposure::Entity::insert(row.into_active_model());
    let columns = [exposure::Column::Revision, exposure::Column::Serving, exposure::Column::Content];
    let replace =
        sea_orm::sea_query::OnConflict::column(exposure::Column::Project).update_columns(columns).to_owned();
    insert = insert.on_conflict(replace);
    insert.exec_without_returning(database).await.expect("a row");
}

//! Opening: new, again, locked, damaged, newer.

use std::fs;
use std::time::Duration;

use empiric_schema::db::{Migrator, MigratorTrait as _};
use sea_orm::ConnectionTrait as _;

use super::*;

async fn pragma(database: &Database, name: &str) -> String {
    let sql = format!("PRAGMA {name}");
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, sql);
    let row = database.connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index::<String>(0)
        .or_else(|_| row.try_get_by_index::<i64>(0).map(|number| number.to_string()))
        .unwrap()
}

#[tokio::test]
async fn a_new_file_has_its_tables_and_settings_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/empiric.db");
    for _ in 0..2 {
        let database = Database::open(&path).await.unwrap();
        assert_eq!(pragma(&database, "journal_mode").await, "wal");
        assert_eq!(pragma(&database, "synchronous").await, "1");
        assert_eq!(pragma(&database, "foreign_keys").await, "1");
        assert_eq!(pragma(&database, "busy_timeout").await, "15000");
        assert!(database.list_runs(None).await.unwrap().is_empty());
        database.close().await.unwrap();
    }
}

#[tokio::test]
async fn many_openers_of_a_new_file_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empiric.db");
    let opened = futures::future::join_all((0..4).map(|_| Database::open(&path))).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
}

#[tokio::test]
async fn migrations_go_down_and_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("empiric.db")).await.unwrap();
    Migrator::down(&database.connection, None).await.unwrap();
    assert!(database.list_runs(None).await.is_err());
    Migrator::up(&database.connection, None).await.unwrap();
    assert!(database.list_runs(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lock_of_another_connection_is_a_passing_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empiric.db");
    let holder = Database::open(&path).await.unwrap();
    let waiter = Database::open_waiting(&path, Duration::from_millis(50)).await.unwrap();
    let held = holder.begin_write().await.unwrap();
    let error = waiter.begin_write().await.unwrap_err();
    assert!(matches!(error, DatabaseError::Locked { .. }) && error.is_transient(), "{error:?}");
    held.commit().await.unwrap();
    waiter.begin_write().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn writers_of_one_process_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empiric.db");
    let database = Database::open_waiting(&path, Duration::from_millis(1)).await.unwrap();
    let write = || async { database.begin_write().await?.commit().await };
    let written = futures::future::join_all((0..20).map(|_| write())).await;
    assert!(written.iter().all(Result::is_ok), "{written:?}");
}

#[tokio::test]
async fn a_damaged_file_stops_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empiric.db");
    fs::write(&path, vec![7; 8192]).unwrap();
    let error = Database::open(&path).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Corrupt { .. }) && !error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("move it away"));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empiric.db");
    let database = Database::open(&path).await.unwrap();
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)";
    database.connection.execute_unprepared(sql).await.unwrap();
    database.close().await.unwrap();
    let error = Database::open(&path).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Newer { .. }), "{error:?}");
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let error = Database::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Forbidden { .. }), "{error:?}");
}

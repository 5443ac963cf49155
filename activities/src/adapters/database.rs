//! The read model's database: opening, write transactions and the questions of the command line.
//!
//! SQLite in WAL mode. Writes are immediate transactions, one at a time in this process, so that two
//! writers wait for each other instead of failing in the middle. What is written is decided by
//! [`crate::record`]; nothing is ever decided from what is read here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use empiric_schema::db::{Migrator, MigratorTrait as _};
use nix::fcntl::{Flock, FlockArg};
use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, MutexGuard};

use super::durable::blocking;

pub use error::DatabaseError;
pub use rates::Rate;
pub use read::RunRow;

mod drift;
mod error;
mod rates;
mod read;
mod rollouts;
mod served;

#[cfg(test)]
mod tests;

/// How long a statement waits for another process's write before the error is a retryable one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// Readers do not wait for the writer in WAL mode, so a few connections are enough.
const CONNECTIONS: u32 = 4;

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    connection: DatabaseConnection,
    /// Held while a write transaction is open: one writer in this process.
    writer: Arc<Mutex<()>>,
    path: Arc<PathBuf>,
}

/// An open write transaction. Dropping it without [`WriteTransaction::commit`] undoes it.
#[derive(Debug)]
pub struct WriteTransaction<'a> {
    /// Where statements go.
    pub(crate) statements: DatabaseTransaction,
    path: &'a Path,
    _turn: MutexGuard<'a, ()>,
}

impl Database {
    /// Opens the file, creates it if need be, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        Self::open_waiting(path, BUSY_TIMEOUT).await
    }

    /// [`Self::open`] with another patience for locks.
    pub(crate) async fn open_waiting(path: &Path, busy: Duration) -> Result<Self, DatabaseError> {
        let lock = migration_lock(path).await?;
        let fail = |error| DatabaseError::of(path, error);
        let connection = sea_orm::Database::connect(options(path, busy)).await.map_err(fail)?;
        Migrator::up(&connection, None).await.map_err(fail)?;
        drop(lock);
        let path = Arc::new(path.to_owned());
        Ok(Self { connection, writer: Arc::default(), path })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connections, for those who read and write rows of their own.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Begins a write transaction when no other one is open in this process.
    pub async fn begin_write(&self) -> Result<WriteTransaction<'_>, DatabaseError> {
        let turn = self.writer.lock().await;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let statements = self.connection.begin_with_options(options).await;
        let statements = statements.map_err(|error| self.fault(error))?;
        Ok(WriteTransaction { statements, path: &self.path, _turn: turn })
    }

    /// Closes all connections; SQLite then folds its WAL file back.
    pub async fn close(self) -> Result<(), DatabaseError> {
        let path = self.path.clone();
        self.connection.close().await.map_err(|error| DatabaseError::of(&path, error))
    }

    fn fault(&self, error: sea_orm::DbErr) -> DatabaseError {
        DatabaseError::of(&self.path, error)
    }
}

impl WriteTransaction<'_> {
    /// Makes everything written durable at once.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        let path = self.path;
        self.statements.commit().await.map_err(|error| DatabaseError::of(path, error))
    }

    /// The error that a statement of this transaction gave.
    pub(crate) fn fault(&self, error: sea_orm::DbErr) -> DatabaseError {
        DatabaseError::of(self.path, error)
    }
}

fn options(path: &Path, busy: Duration) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite:");
    let file = path.to_owned();
    options
        .max_connections(CONNECTIONS)
        .acquire_timeout(busy + Duration::from_secs(5))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .filename(&file)
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(busy)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
        });
    options
}

/// Two processes that open a new file at once must not both create its tables.
async fn migration_lock(path: &Path) -> Result<Flock<std::fs::File>, DatabaseError> {
    let lock_path = path.with_extension("migrate.lock");
    let locked = blocking(move || {
        if let Some(folder) = lock_path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = std::fs::File::create(&lock_path)?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
    });
    locked.await.map_err(|source| DatabaseError::io(path, source))
}

//! The gateway's rows: what it reads and writes in the project's database.
//!
//! Requests, drafts and feedback go through one writer ([`writer`]), many to a transaction. Opening the database and
//! its tables is left to whoever makes the gateway.

mod callbacks;
mod drafts;
mod exposures;
mod keys;
mod log;
mod runs;
mod writer;

pub use drafts::{Decision, DraftCounts};
pub use log::{LogCounts, Usage};
pub(crate) use runs::PAGE;
pub use runs::{ItemFilter, ItemPage};
pub(crate) use writer::Writer;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};
use serde::de::DeserializeOwned;

use crate::error::GatewayError;

/// Rows in a database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    connection: DatabaseConnection,
}

impl Store {
    /// Over a database whose tables are up to date.
    pub fn new(connection: DatabaseConnection) -> Self {
        Self { connection }
    }

    /// Begins a write transaction, and waits for those of others instead of failing in the middle.
    async fn begin(&self) -> Result<DatabaseTransaction, GatewayError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.connection.begin_with_options(options).await?)
    }
}

/// A value of a JSON column.
fn parse<T: DeserializeOwned>(what: &str, value: serde_json::Value) -> Result<T, GatewayError> {
    serde_json::from_value(value).map_err(|error| GatewayError::Row { what: format!("{what}: {error}") })
}

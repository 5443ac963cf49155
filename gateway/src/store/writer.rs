//! One writer for what every request leaves, many rows to a transaction.
//!
//! SQLite takes one write transaction at a time, and each costs the same however many rows are in it. So rows are
//! gathered for a moment and written together; who needs to know is told when they are durable.

use std::time::Duration;

use empiric_schema::db::entity::{callback, draft, feedback, request_log};
use sea_orm::{ActiveValue, EntityTrait, IntoActiveModel};
use tokio::sync::{mpsc, oneshot};

use super::Store;
use crate::error::GatewayError;

/// Rows that wait at most; who brings another waits for room.
const QUEUE: usize = 4096;
/// Rows of a transaction at most.
const BATCH: usize = 512;
/// How long rows are gathered when nobody waits for them.
const GATHER: Duration = Duration::from_millis(20);
/// Pauses between tries while the database fails.
const PAUSE: Duration = Duration::from_millis(500);
/// Tries of a batch.
const TRIES: u32 = 20;
/// Rows of one statement: SQLite takes 32,766 values.
const STATEMENT: usize = 256;

/// What is written.
#[derive(Debug)]
enum Row {
    Request(Box<request_log::Model>),
    Draft(Box<draft::Model>),
    Callback(Box<callback::Model>),
    Feedback(Box<feedback::Model>),
    /// Nothing: whoever waits for it waits for all rows before it.
    Mark,
}

#[derive(Debug)]
struct Write {
    row: Row,
    done: Option<oneshot::Sender<()>>,
}

/// Brings rows to the writer. Cheap to clone; the writer ends when all clones are gone and everything is written.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Write>,
}

impl Writer {
    /// Starts the writer.
    pub(crate) fn start(store: Store) -> Self {
        let (queue, rows) = mpsc::channel(QUEUE);
        tokio::spawn(write_all(store, rows));
        Self { queue }
    }

    /// Logs a request. Returns when there is room, not when it is written.
    pub(crate) async fn log(&self, row: request_log::Model) {
        if self.queue.send(Write { row: Row::Request(Box::new(row)), done: None }).await.is_err() {
            tracing::error!("a request was not logged: the gateway is closing");
        }
    }

    /// Writes who is to be told of a draft that comes next.
    pub(crate) async fn callback(&self, row: callback::Model) -> Result<(), GatewayError> {
        let write = Write { row: Row::Callback(Box::new(row)), done: None };
        self.queue.send(write).await.map_err(|_| GatewayError::Closing)
    }

    /// Writes a draft and returns when it is durable.
    pub(crate) async fn draft(&self, row: draft::Model) -> Result<(), GatewayError> {
        self.durably(Row::Draft(Box::new(row))).await
    }

    /// Writes feedback and returns when it is durable.
    pub(crate) async fn feedback(&self, row: feedback::Model) -> Result<(), GatewayError> {
        self.durably(Row::Feedback(Box::new(row))).await
    }

    /// Returns when everything that was brought before is durable.
    pub(crate) async fn flush(&self) -> Result<(), GatewayError> {
        self.durably(Row::Mark).await
    }

    async fn durably(&self, row: Row) -> Result<(), GatewayError> {
        let (done, written) = oneshot::channel();
        let closing = |_| GatewayError::Closing;
        self.queue.send(Write { row, done: Some(done) }).await.map_err(|_| GatewayError::Closing)?;
        written.await.map_err(closing)
    }
}

async fn write_all(store: Store, mut rows: mpsc::Receiver<Write>) {
    let mut batch = Vec::new();
    while rows.recv_many(&mut batch, BATCH).await > 0 {
        if batch.iter().all(|write| write.done.is_none()) && batch.len() < BATCH {
            tokio::time::sleep(GATHER).await;
            while batch.len() < BATCH
                && let Ok(more) = rows.try_recv()
            {
                batch.push(more);
            }
        }
        write_patiently(&store, std::mem::take(&mut batch)).await;
    }
}

/// Writes a batch. One that the database refuses for good is lost, loudly: its waiters see that it was not written.
async fn write_patiently(store: &Store, batch: Vec<Write>) {
    let (rows, waiters): (Vec<Row>, Vec<_>) = batch.into_iter().map(|write| (write.row, write.done)).unzip();
    for attempt in 1..=TRIES {
        match write(store, &rows).await {
            Ok(()) => {
                // Who left does not need to know.
                waiters.into_iter().flatten().for_each(|done| done.send(()).unwrap_or_default());
                return;
            }
            Err(error) => tracing::warn!(%error, attempt, rows = rows.len(), "rows could not be written"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::error!(rows = rows.len(), "rows were lost: the database refuses them");
}

async fn write(store: &Store, rows: &[Row]) -> Result<(), GatewayError> {
    let transaction = store.begin().await?;
    let (mut requests, mut drafts, mut feedback) = (Vec::new(), Vec::new(), Vec::new());
    let mut callbacks = Vec::new();
    for row in rows {
        match row {
            Row::Request(row) => requests.push(numbered_request(row)),
            Row::Draft(row) => drafts.push((**row).clone().into_active_model()),
            Row::Callback(row) => callbacks.push((**row).clone().into_active_model()),
            Row::Feedback(row) => feedback.push(numbered_feedback(row)),
            Row::Mark => {}
        }
    }
    insert::<request_log::Entity>(&transaction, requests).await?;
    insert::<callback::Entity>(&transaction, callbacks).await?;
    insert::<draft::Entity>(&transaction, drafts).await?;
    insert::<feedback::Entity>(&transaction, feedback).await?;
    transaction.commit().await?;
    Ok(())
}

async fn insert<E: EntityTrait>(
    transaction: &sea_orm::DatabaseTransaction,
    rows: Vec<E::ActiveModel>,
) -> Result<(), GatewayError>
where
    E::ActiveModel: Clone + Send,
{
    for rows in rows.chunks(STATEMENT) {
        E::insert_many(rows.to_vec()).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// The database gives the sequence.
fn numbered_request(row: &request_log::Model) -> request_log::ActiveModel {
    request_log::ActiveModel { sequence: ActiveValue::NotSet, ..row.clone().into_active_model() }
}

fn numbered_feedback(row: &feedback::Model) -> feedback::ActiveModel {
    feedback::ActiveModel { sequence: ActiveValue::NotSet, ..row.clone().into_active_model() }
}

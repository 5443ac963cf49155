//! Writing the read model: one transaction a batch, and the same rows however often it runs.

use std::sync::Arc;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::{Record, RecordBatch};
use empiric_schema::job::ItemResult;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::adapters::artifact_store::{ArtifactStore, StoreError};
use crate::adapters::database::{Database, DatabaseError};
use crate::failure;

mod rows;
mod telemetry;
mod write;

#[cfg(test)]
mod tests;

/// Bookkeeping activities.
#[derive(Debug, Clone)]
pub struct RecorderActivities {
    /// The read model.
    pub database: Database,
    /// Where result files are.
    pub store: ArtifactStore,
}

/// A batch could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The database refused.
    #[error("could not record the batch")]
    Database(#[from] DatabaseError),
    /// A result file could not be had.
    #[error("could not read the results of an evaluation")]
    Store(#[from] StoreError),
    /// A result file is not what it should be.
    #[error("line {line} of the results {artifact} does not read")]
    Results {
        /// Digest of the file.
        artifact: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A value has no JSON form.
    #[error("could not write a value as JSON")]
    Json(#[from] serde_json::Error),
}

#[activities]
impl RecorderActivities {
    /// Writes the batch in one transaction.
    #[activity(definition = empiric_schema::contract::WriteRecords)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn write(
        self: Arc<Self>,
        _context: ActivityContext,
        batch: RecordBatch,
    ) -> Result<(), ActivityError> {
        self.record(&batch).await.map_err(failure::of_record)
    }
}

impl RecorderActivities {
    /// Writes the batch in one transaction. Result files are read before it begins, so that a slow
    /// store does not hold other writers up.
    pub async fn record(&self, batch: &RecordBatch) -> Result<(), RecordError> {
        let mut answers = Vec::new();
        for record in &batch.records {
            answers.push(self.answers(record).await?);
        }
        let transaction = self.database.begin_write().await?;
        for (record, answers) in batch.records.iter().zip(&answers) {
            let rows = rows::of(&batch.run, record, answers)?;
            write::rows(&transaction, rows).await?;
        }
        transaction.commit().await?;
        telemetry::tell(batch);
        Ok(())
    }

    async fn answers(&self, record: &Record) -> Result<Vec<ItemResult>, RecordError> {
        let Record::Evaluation { results, .. } = record else {
            return Ok(Vec::new());
        };
        let mut answers = Vec::new();
        for artifact in results {
            let bytes = self.store.get_bytes(artifact).await?;
            answers.extend(parse_results(artifact, &bytes)?);
        }
        Ok(answers)
    }
}

fn parse_results(artifact: &ArtifactRef, bytes: &[u8]) -> Result<Vec<ItemResult>, RecordError> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|source| RecordError::Results {
                artifact: artifact.digest.to_string(),
                line: index + 1,
                source,
            })
        })
        .collect()
}

//! What was asked of a served version, and what it said.

use sea_orm::entity::prelude::*;

/// A request. Rows are written in the order of `sequence`, so that a reader can go on from the last one it saw.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "request_log")]
pub struct Model {
    /// Grows with every row.
    #[sea_orm(primary_key)]
    pub sequence: i64,
    /// The request's id, which the caller is told.
    #[sea_orm(unique)]
    pub id: String,
    /// Unix seconds when it came.
    pub timestamp: f64,
    /// Name of the project.
    pub workload_id: String,
    /// Name of the caller's key, and after a slash whom it asks for where that is said.
    pub client_id: String,
    /// Name of the caller's key.
    pub api_key: String,
    /// Wire name of the audience of the key.
    pub audience: String,
    /// What was asked: the body of the request. Null after the retention.
    pub request: Option<Json>,
    /// What was said. Null after the retention, and where nothing was said.
    pub response: Option<String>,
    /// Digest of the version.
    pub version: String,
    /// Wire name of the stage.
    pub stage: String,
    /// Wire name of the arm.
    pub arm: String,
    /// For the arm `shadow`: the id of the request that it answers too.
    pub beside: Option<String>,
    /// The passages that were shown: a list of [`ShownPassage`](crate::job::ShownPassage).
    pub retrieval: Json,
    /// Tokens read.
    pub prompt_tokens: i32,
    /// Tokens written.
    pub completion_tokens: i32,
    /// Dollars.
    pub usd: f64,
    /// Milliseconds from the request to the whole answer.
    pub latency_ms: f64,
    /// Wire name of the outcome.
    pub outcome: String,
    /// Why it failed; empty otherwise.
    pub problem: String,
    /// Whether anything in `request` or `response` was replaced before it was written.
    pub redacted: bool,
}

impl ActiveModelBehavior for ActiveModel {}

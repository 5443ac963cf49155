//! The request log.

use empiric_schema::db::entity::{feedback, request_log};
use empiric_schema::served::Outcome;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, DerivePartialModel, EntityTrait as _, ExprTrait as _, FromQueryResult,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::Store;
use crate::error::GatewayError;

/// What a key has used.
#[derive(Debug, Clone, PartialEq, FromQueryResult)]
pub struct Usage {
    /// Name of the key.
    pub api_key: String,
    /// Tokens read and written.
    pub tokens: i64,
    /// Dollars.
    pub usd: f64,
}

/// Counts of a version in a stage.
#[derive(Debug, Clone, PartialEq, FromQueryResult, serde::Serialize)]
pub struct LogCounts {
    /// Digest of the version.
    pub version: String,
    /// Wire name of the stage.
    pub stage: String,
    /// Wire name of the arm.
    pub arm: String,
    /// Wire name of the outcome.
    pub outcome: String,
    /// Requests.
    pub requests: i64,
    /// Mean milliseconds.
    pub latency_ms: f64,
    /// Tokens.
    pub tokens: i64,
    /// Dollars.
    pub usd: f64,
}

/// A request without what it says.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "request_log::Entity")]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) api_key: String,
    pub(crate) version: String,
    pub(crate) stage: String,
}

impl Store {
    /// What each key has used since a time.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn usage_since(&self, project: &str, since: f64) -> Result<Vec<Usage>, GatewayError> {
        use request_log::Column;
        let tokens = Expr::col(Column::PromptTokens).add(Expr::col(Column::CompletionTokens));
        let rows = request_log::Entity::find()
            .select_only()
            .column(Column::ApiKey)
            .column_as(tokens.sum(), "tokens")
            .column_as(Column::Usd.sum(), "usd")
            .filter(Column::WorkloadId.eq(project))
            .filter(Column::Timestamp.gte(since))
            .group_by(Column::ApiKey);
        Ok(rows.into_model().all(&self.connection).await?)
    }

    /// What was counted for each version, stage, arm and outcome since a time.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn counts_since(&self, project: &str, since: f64) -> Result<Vec<LogCounts>, GatewayError> {
        use request_log::Column;
        let tokens = Expr::col(Column::PromptTokens).add(Expr::col(Column::CompletionTokens));
        let rows = request_log::Entity::find()
            .select_only()
            .columns([Column::Version, Column::Stage, Column::Arm, Column::Outcome])
            .column_as(Column::Sequence.count(), "requests")
            .column_as(Expr::col(Column::LatencyMs).avg(), "latency_ms")
            .column_as(tokens.sum(), "tokens")
            .column_as(Column::Usd.sum(), "usd")
            .filter(Column::WorkloadId.eq(project))
            .filter(Column::Timestamp.gte(since))
            .group_by(Column::Version)
            .group_by(Column::Stage)
            .group_by(Column::Arm)
            .group_by(Column::Outcome);
        Ok(rows.into_model().all(&self.connection).await?)
    }

    /// The last requests, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn last_requests(
        &self,
        project: &str,
        outcome: Option<Outcome>,
        most: u64,
    ) -> Result<Vec<request_log::Model>, GatewayError> {
        let mut rows = request_log::Entity::find().filter(request_log::Column::WorkloadId.eq(project));
        if let Some(outcome) = outcome {
            rows = rows.filter(request_log::Column::Outcome.eq(outcome.name()));
        }
        let rows = rows.order_by_desc(request_log::Column::Sequence).limit(most);
        Ok(rows.all(&self.connection).await?)
    }

    /// A request by its id.
    pub(crate) async fn asked(&self, project: &str, id: &str) -> Result<Option<Asked>, GatewayError> {
        let row = request_log::Entity::find()
            .filter(request_log::Column::WorkloadId.eq(project))
            .filter(request_log::Column::Id.eq(id));
        Ok(row.into_partial_model::<Asked>().one(&self.connection).await?)
    }

    /// How many thumbs of each kind readers gave since a time.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn thumbs_since(&self, project: &str, since: f64) -> Result<Vec<(String, i64)>, GatewayError> {
        use feedback::Column;
        let rows = feedback::Entity::find()
            .select_only()
            .column(Column::Thumb)
            .column_as(Column::Sequence.count(), "thumbs")
            .filter(Column::Project.eq(project))
            .filter(Column::At.gte(since))
            .filter(Column::Thumb.is_not_null())
            .group_by(Column::Thumb);
        Ok(rows.into_tuple().all(&self.connection).await?)
    }

    /// The last feedback that says more than a thumb, the latest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn last_words(&self, project: &str, most: u64) -> Result<Vec<feedback::Model>, GatewayError> {
        let has_words = feedback::Column::Correction.is_not_null().or(feedback::Column::Note.is_not_null());
        let rows = feedback::Entity::find().filter(feedback::Column::Project.eq(project)).filter(has_words);
        let rows = rows.order_by_desc(feedback::Column::Sequence).limit(most);
        Ok(rows.all(&self.connection).await?)
    }

    /// Removes questions and answers of requests that came before a time; their figures stay.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn forget_requests(&self, project: &str, before: f64) -> Result<u64, GatewayError> {
        use request_log::Column;
        let rows = request_log::Entity::update_many()
            .col_expr(Column::Request, Expr::value(Option::<serde_json::Value>::None))
            .col_expr(Column::Response, Expr::value(Option::<String>::None))
            .filter(Column::WorkloadId.eq(project))
            .filter(Column::Timestamp.lt(before))
            .filter(Column::Request.is_not_null());
        Ok(rows.exec(&self.connection).await?.rows_affected)
    }
}

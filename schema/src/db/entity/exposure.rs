//! What each project serves.

use sea_orm::entity::prelude::*;

/// The exposure of a project: one row, replaced by greater revisions.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "exposures")]
pub struct Model {
    /// Name of the project.
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
    /// From 1.
    pub revision: i64,
    /// Wire name of the stage.
    pub stage: String,
    /// Digest of the version that answers.
    pub serving: String,
    /// Unix seconds of the decision.
    pub at: f64,
    /// The whole [`Exposure`](crate::exposure::Exposure).
    pub content: Json,
}

impl ActiveModelBehavior for ActiveModel {}

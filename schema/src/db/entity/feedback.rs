//! What readers think of answers.

use sea_orm::entity::prelude::*;

/// A thumb or a correction. Rows are written in the order of `sequence`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "feedback")]
pub struct Model {
    /// Grows with every row.
    #[sea_orm(primary_key)]
    pub sequence: i64,
    /// Name of the project.
    pub project: String,
    /// The request that it is about.
    pub request_id: String,
    /// Digest of the version that answered.
    pub version: String,
    /// Wire name of the stage of the request.
    pub stage: String,
    /// Name of the key of who says so.
    pub by: String,
    /// Unix seconds.
    pub at: f64,
    /// Wire name of the thumb.
    pub thumb: Option<String>,
    /// What the right answer would have been.
    pub correction: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// Whether it says that the answer does harm; null in rows of before that could be said.
    pub harmful: Option<bool>,
}

impl ActiveModelBehavior for ActiveModel {}

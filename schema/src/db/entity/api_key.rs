//! Keys of those who may ask. Only their digests are kept.

use sea_orm::entity::prelude::*;

/// A key.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    /// SHA-256 of the key. A key is 32 random bytes, so that no slower digest is needed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: String,
    /// Name of the project.
    pub project: String,
    /// What people call it; unique in a project.
    pub name: String,
    /// Wire name of the audience.
    pub audience: String,
    /// Unix seconds when it was made.
    pub created: f64,
    /// Unix seconds when it was taken back.
    pub revoked: Option<f64>,
    /// Most tokens in a day (UTC).
    pub tokens_per_day: Option<i64>,
    /// Most dollars in a day (UTC).
    pub usd_per_day: Option<f64>,
    /// Most requests in a minute.
    pub requests_per_minute: Option<i32>,
}

impl ActiveModelBehavior for ActiveModel {}

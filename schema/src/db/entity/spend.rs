//! What runs have spent.

use sea_orm::entity::prelude::*;

/// Spent by a run so far.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "spend")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: String,
    /// Seconds of device time.
    pub device_seconds: f64,
    /// Tokens.
    pub tokens: i64,
    /// Dollars.
    pub usd: f64,
    /// The run's row.
    #[sea_orm(belongs_to, from = "run_id", to = "id")]
    pub run: BelongsTo<super::run::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

//! Scores of versions on splits.

use sea_orm::entity::prelude::*;

/// A score of a version on a split.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "evaluations")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: String,
    /// 0 is the first measurement.
    #[sea_orm(primary_key, auto_increment = false)]
    pub iteration: i32,
    /// `dev`, `dev-confirm` or `test`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub split: String,
    /// Digest of the version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: String,
    /// Name of the version for people.
    pub label: String,
    /// Items.
    pub n: i32,
    /// Of them passed.
    pub passed: i32,
    /// Of them harmful.
    pub harmful: i32,
    /// Lower end of the 95 % interval of the share that passed, in [0, 1].
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// The run's row.
    #[sea_orm(belongs_to, from = "run_id", to = "id")]
    pub run: BelongsTo<super::run::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

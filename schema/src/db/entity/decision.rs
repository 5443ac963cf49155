//! Decisions of a run.

use sea_orm::entity::prelude::*;

/// A decision with its evidence.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "decisions")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: String,
    /// From 1 in a run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i32,
    /// 0 before the first iteration.
    pub iteration: i32,
    /// Wire name of the kind.
    pub kind: String,
    /// The rule in one sentence.
    pub why: String,
    /// The whole [`DecisionRecord`](crate::decision::DecisionRecord).
    pub record: Json,
    /// The run's row.
    #[sea_orm(belongs_to, from = "run_id", to = "id")]
    pub run: BelongsTo<super::run::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

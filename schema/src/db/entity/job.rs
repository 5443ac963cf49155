//! Jobs that a run finished.

use sea_orm::entity::prelude::*;

/// A finished job. The first record of a key stays: it is the one that cost something.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: String,
    /// Digest of everything that decided the result.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// What it was for, in words.
    pub label: String,
    /// Wire name of the kind.
    pub kind: String,
    /// Tokens read.
    pub prompt_tokens: i64,
    /// Tokens written.
    pub completion_tokens: i64,
    /// Seconds from the start of the process to its end.
    pub seconds: f64,
    /// Largest resident set, in bytes.
    pub peak_memory: i64,
    /// Whether it was answered from records.
    pub reused: bool,
    /// The run's row.
    #[sea_orm(belongs_to, from = "run_id", to = "id")]
    pub run: BelongsTo<super::run::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

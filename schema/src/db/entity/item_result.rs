//! Answers of versions to items.

use sea_orm::entity::prelude::*;

/// An answer with its grade.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "item_results")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: String,
    /// `dev`, `dev-confirm` or `test`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub split: String,
    /// Digest of the version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: String,
    /// The item.
    #[sea_orm(primary_key, auto_increment = false)]
    pub item: String,
    /// Its position in the items file.
    pub position: i32,
    /// What the model said.
    pub answer: String,
    /// Whether all assertions held.
    pub passed: bool,
    /// Whether a forbidden text was in the answer.
    pub harmful: bool,
    /// The first assertion that did not hold, in words.
    pub reason: String,
    /// Length of the prompt in tokens.
    pub prompt_tokens: i32,
    /// Length of the answer in tokens.
    pub completion_tokens: i32,
    /// The passages that were shown, as in the results file; nothing in rows of before they were kept.
    pub passages: Option<Json>,
    /// The run's row.
    #[sea_orm(belongs_to, from = "run_id", to = "id")]
    pub run: BelongsTo<super::run::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

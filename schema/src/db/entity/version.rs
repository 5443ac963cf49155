//! Versions that a run measured.

use sea_orm::entity::prelude::*;

/// A version.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "versions")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: String,
    /// Digest of the content.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: String,
    /// Name for people.
    pub label: String,
    /// The whole [`SystemVersion`](crate::version::SystemVersion).
    pub content: Json,
    /// The run's row.
    #[sea_orm(belongs_to, from = "run_id", to = "id")]
    pub run: BelongsTo<super::run::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

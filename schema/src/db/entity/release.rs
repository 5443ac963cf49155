//! Versions that may be served, whether a run made them or a person brought them.

use sea_orm::entity::prelude::*;

/// A version of a project that an exposure may name.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "releases")]
pub struct Model {
    /// Name of the project.
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
    /// Digest of the content.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: String,
    /// Name for people.
    pub label: String,
    /// The run that made it; none for one that was brought by hand.
    pub run_id: Option<String>,
    /// Unix seconds when it came.
    pub at: f64,
    /// The whole [`SystemVersion`](crate::version::SystemVersion).
    pub content: Json,
}

impl ActiveModelBehavior for ActiveModel {}

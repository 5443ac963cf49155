//! Projects, by name.

use sea_orm::entity::prelude::*;

/// A project that had at least one run.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "projects")]
pub struct Model {
    /// The name in the spec.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// What the project is for.
    pub description: String,
    /// Unix seconds of the last change of one of its runs.
    pub updated: f64,
    /// Its runs.
    #[sea_orm(has_many)]
    pub runs: HasMany<super::run::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

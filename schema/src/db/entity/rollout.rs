//! How the rollout of each project stands.

use sea_orm::entity::prelude::*;

/// The last view of a rollout.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rollouts")]
pub struct Model {
    /// Name of the project.
    #[sea_orm(primary_key, auto_increment = false)]
    pub project: String,
    /// Of the exposure that the view speaks of.
    pub revision: i64,
    /// Unix seconds of the view.
    pub updated: f64,
    /// The whole [`RolloutView`](crate::rollout::RolloutView).
    pub view: Json,
}

impl ActiveModelBehavior for ActiveModel {}

//! Who is to be told of the decision about a draft.

use sea_orm::entity::prelude::*;

/// A callback. Its draft's id is also the id by which receivers know what they have been told already.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "callbacks")]
pub struct Model {
    /// The draft's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub draft: String,
    /// Name of the project.
    pub project: String,
    /// Where to. Empty once nobody is told any more: it may hold a secret.
    pub url: String,
    /// Wire name of the state.
    pub state: String,
    /// Tries so far.
    pub attempts: i32,
    /// Unix seconds before which nobody tries.
    pub next: f64,
    /// Unix seconds when it was taken.
    pub delivered: Option<f64>,
    /// What went wrong last; may be empty.
    pub problem: String,
}

impl ActiveModelBehavior for ActiveModel {}

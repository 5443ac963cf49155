//! Runs, with the last view of each.

use sea_orm::entity::prelude::*;

/// A run as it stood when it was last recorded.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "runs")]
pub struct Model {
    /// The run, also the id of its workflow.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Name of the project.
    pub project: String,
    /// Wire name of the stage.
    pub stage: String,
    /// Wire name of the state.
    pub state: String,
    /// Unix seconds of the start.
    pub started: f64,
    /// Unix seconds of the view.
    pub updated: f64,
    /// The whole [`RunView`](crate::view::RunView).
    pub view: Json,
    /// The project's row.
    #[sea_orm(belongs_to, from = "project", to = "name")]
    pub project_row: BelongsTo<super::project::Entity>,
    /// Its iterations.
    #[sea_orm(has_many)]
    pub iterations: HasMany<super::iteration::Entity>,
    /// Versions that were measured.
    #[sea_orm(has_many)]
    pub versions: HasMany<super::version::Entity>,
    /// Jobs that ended.
    #[sea_orm(has_many)]
    pub jobs: HasMany<super::job::Entity>,
    /// What was measured.
    #[sea_orm(has_many)]
    pub evaluations: HasMany<super::evaluation::Entity>,
    /// Answers.
    #[sea_orm(has_many)]
    pub item_results: HasMany<super::item_result::Entity>,
    /// Decisions.
    #[sea_orm(has_many)]
    pub decisions: HasMany<super::decision::Entity>,
    /// What was spent.
    #[sea_orm(has_one)]
    pub spend: HasOne<super::spend::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

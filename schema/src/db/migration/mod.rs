//! Migrations, oldest first. A migration that was released is never edited: add the next one.

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m0001_projects;
mod m0002_runs;
mod m0003_iterations;
mod m0004_versions;
mod m0005_jobs;
mod m0006_evaluations;
mod m0007_item_results;
mod m0008_decisions;
mod m0009_spend;
mod m0010_exposures;
mod m0011_releases;
mod m0012_request_log;
mod m0013_drafts;
mod m0014_feedback;
mod m0015_api_keys;
mod m0016_rollouts;
mod m0017_item_result_passages;
mod m0018_feedback_harmful;
mod m0020_callbacks;
mod step;

/// Brings a database up to this program's tables.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_projects::Migration),
            Box::new(m0002_runs::Migration),
            Box::new(m0003_iterations::Migration),
            Box::new(m0004_versions::Migration),
            Box::new(m0005_jobs::Migration),
            Box::new(m0006_evaluations::Migration),
            Box::new(m0007_item_results::Migration),
            Box::new(m0008_decisions::Migration),
            Box::new(m0009_spend::Migration),
            Box::new(m0010_exposures::Migration),
            Box::new(m0011_releases::Migration),
            Box::new(m0012_request_log::Migration),
            Box::new(m0013_drafts::Migration),
            Box::new(m0014_feedback::Migration),
            Box::new(m0015_api_keys::Migration),
            Box::new(m0016_rollouts::Migration),
            Box::new(m0017_item_result_passages::Migration),
            Box::new(m0018_feedback_harmful::Migration),
            Box::new(m0020_callbacks::Migration),
        ]
    }
}

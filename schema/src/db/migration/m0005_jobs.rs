//! Jobs that a run finished.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, double, string};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_jobs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("jobs")
            .col(string("run_id"))
            .col(string("key"))
            .col(string("label"))
            .col(string("kind"))
            .col(big_integer("prompt_tokens"))
            .col(big_integer("completion_tokens"))
            .col(double("seconds"))
            .col(big_integer("peak_memory"))
            .col(boolean("reused"))
            .primary_key(Index::create().col("run_id").col("key"))
            .foreign_key(&mut step::to_run("jobs"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "jobs").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

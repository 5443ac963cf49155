//! Scores of versions on splits.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{double, integer, string};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_evaluations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("evaluations")
            .col(string("run_id"))
            .col(integer("iteration"))
            .col(string("split"))
            .col(string("version"))
            .col(string("label"))
            .col(integer("n"))
            .col(integer("passed"))
            .col(integer("harmful"))
            .col(double("low"))
            .col(double("high"))
            .primary_key(Index::create().col("run_id").col("iteration").col("split").col("version"))
            .foreign_key(&mut step::to_run("evaluations"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "evaluations").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

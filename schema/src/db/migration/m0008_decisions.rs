//! Decisions of a run.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, json, string, text};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0008_decisions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("decisions")
            .col(string("run_id"))
            .col(integer("sequence"))
            .col(integer("iteration"))
            .col(string("kind"))
            .col(text("why"))
            .col(json("record"))
            .primary_key(Index::create().col("run_id").col("sequence"))
            .foreign_key(&mut step::to_run("decisions"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "decisions").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

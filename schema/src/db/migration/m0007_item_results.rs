//! Answers of versions to items.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, integer, string, text};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0007_item_results"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("item_results")
            .col(string("run_id"))
            .col(string("split"))
            .col(string("version"))
            .col(string("item"))
            .col(integer("position"))
            .col(text("answer"))
            .col(boolean("passed"))
            .col(boolean("harmful"))
            .col(text("reason"))
            .col(integer("prompt_tokens"))
            .col(integer("completion_tokens"))
            .primary_key(Index::create().col("run_id").col("split").col("version").col("item"))
            .foreign_key(&mut step::to_run("item_results"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "item_results").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

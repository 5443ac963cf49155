//! Iterations of a run.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, string, string_null};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_iterations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("iterations")
            .col(string("run_id"))
            .col(integer("number"))
            .col(string("technique"))
            .col(string_null("verdict"))
            .primary_key(Index::create().col("run_id").col("number"))
            .foreign_key(&mut step::to_run("iterations"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "iterations").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

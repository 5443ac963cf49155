//! Versions that a run measured.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{json, string};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_versions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("versions")
            .col(string("run_id"))
            .col(string("digest"))
            .col(string("label"))
            .col(json("content"))
            .primary_key(Index::create().col("run_id").col("digest"))
            .foreign_key(&mut step::to_run("versions"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "versions").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

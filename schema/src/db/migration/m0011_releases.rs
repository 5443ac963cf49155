//! Versions that may be served.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{double, json, string, string_null};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0011_releases"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("releases")
            .col(string("project"))
            .col(string("digest"))
            .col(string("label"))
            .col(string_null("run_id"))
            .col(double("at"))
            .col(json("content"))
            .primary_key(Index::create().col("project").col("digest"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "releases").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

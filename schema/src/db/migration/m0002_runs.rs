//! Runs, with the last view of each.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{double, json, string};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_runs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("runs")
            .col(string("id").primary_key())
            .col(string("project"))
            .col(string("stage"))
            .col(string("state"))
            .col(double("started"))
            .col(double("updated"))
            .col(json("view"))
            .foreign_key(
                ForeignKey::create().name("fk_runs_project").from("runs", "project").to("projects", "name"),
            )
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "runs").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

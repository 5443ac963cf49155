//! How the rollout of each project stands.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, double, json, string};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0016_rollouts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("rollouts")
            .col(string("project").primary_key())
            .col(big_integer("revision"))
            .col(double("updated"))
            .col(json("view"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "rollouts").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

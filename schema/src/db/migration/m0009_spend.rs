//! What runs have spent.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, double, string};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0009_spend"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("spend")
            .col(string("run_id").primary_key())
            .col(double("device_seconds"))
            .col(big_integer("tokens"))
            .col(double("usd"))
            .foreign_key(&mut step::to_run("spend"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "spend").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

//! Projects, by name.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{double, string, text};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_projects"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("projects")
            .col(string("name").primary_key())
            .col(text("description"))
            .col(double("updated"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::step::drop_table(manager, "projects").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

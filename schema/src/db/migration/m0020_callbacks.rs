//! Who is to be told of the decision about a draft.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{double, double_null, integer, string, text};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0020_callbacks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("callbacks")
            .col(string("draft").primary_key())
            .col(string("project"))
            .col(text("url"))
            .col(string("state"))
            .col(integer("attempts"))
            .col(double("next"))
            .col(double_null("delivered"))
            .col(text("problem"))
            .to_owned();
        manager.create_table(table).await?;
        step::create_index(manager, "callbacks", &["project", "state", "next"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "callbacks").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

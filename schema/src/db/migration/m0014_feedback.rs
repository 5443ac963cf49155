//! What readers think of answers.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, double, string, string_null, text_null};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0014_feedback"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("feedback")
            .col(big_integer("sequence").auto_increment().primary_key())
            .col(string("project"))
            .col(string("request_id"))
            .col(string("version"))
            .col(string("stage"))
            .col(string("by"))
            .col(double("at"))
            .col(string_null("thumb"))
            .col(text_null("correction"))
            .col(text_null("note"))
            .to_owned();
        manager.create_table(table).await?;
        step::create_index(manager, "feedback", &["project", "version", "stage", "sequence"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "feedback").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

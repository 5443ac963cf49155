//! Answers that wait for a person, or waited.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{double, double_null, json, string, string_null, text, text_null};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0013_drafts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("drafts")
            .col(string("id").primary_key())
            .col(string("project"))
            .col(string("request_id"))
            .col(string("client_id"))
            .col(string("api_key"))
            .col(string("version"))
            .col(string("arm"))
            .col(string("stage"))
            .col(text("input"))
            .col(text("answer"))
            .col(string("digest"))
            .col(json("passages"))
            .col(string("state"))
            .col(double("created"))
            .col(double("deadline"))
            .col(double_null("escalated"))
            .col(double_null("decided"))
            .col(string_null("decided_by"))
            .col(text_null("given"))
            .col(text_null("note"))
            .col(text_null("signature"))
            .to_owned();
        manager.create_table(table).await?;
        step::create_index(manager, "drafts", &["project", "state", "escalated", "created"]).await?;
        step::create_index(manager, "drafts", &["project", "decided"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "drafts").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

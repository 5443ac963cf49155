//! What was asked of a served version, and what it said.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, double, integer, json, json_null, string, string_null, text, text_null,
};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0012_request_log"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("request_log")
            .col(big_integer("sequence").auto_increment().primary_key())
            .col(string("id").unique_key())
            .col(double("timestamp"))
            .col(string("workload_id"))
            .col(string("client_id"))
            .col(string("api_key"))
            .col(string("audience"))
            .col(json_null("request"))
            .col(text_null("response"))
            .col(string("version"))
            .col(string("stage"))
            .col(string("arm"))
            .col(string_null("beside"))
            .col(json("retrieval"))
            .col(integer("prompt_tokens"))
            .col(integer("completion_tokens"))
            .col(double("usd"))
            .col(double("latency_ms"))
            .col(string("outcome"))
            .col(text("problem"))
            .col(boolean("redacted"))
            .to_owned();
        manager.create_table(table).await?;
        step::create_index(manager, "request_log", &["workload_id", "version", "stage", "sequence"]).await?;
        step::create_index(manager, "request_log", &["timestamp"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "request_log").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

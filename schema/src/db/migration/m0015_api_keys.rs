//! Digests of keys.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, double, double_null, integer_null, string};

use super::step;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0015_api_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("api_keys")
            .col(string("digest").primary_key())
            .col(string("project"))
            .col(string("name"))
            .col(string("audience"))
            .col(double("created"))
            .col(double_null("revoked"))
            .col(big_integer_null("tokens_per_day"))
            .col(double_null("usd_per_day"))
            .col(integer_null("requests_per_minute"))
            .to_owned();
        manager.create_table(table).await?;
        step::create_index(manager, "api_keys", &["project", "name"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        step::drop_table(manager, "api_keys").await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

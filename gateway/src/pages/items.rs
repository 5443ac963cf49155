//! `/runs/{run}/items`: what versions answered to the items of dev. Answers of the locked test are not shown.

use axum::extract::{Path, Query, State};
use axum::response::Html;
use serde::Serialize;

use super::{PageError, page};
use crate::gateway::Gateway;
use crate::guard::Reader;
use crate::store::ItemFilter;

#[derive(Serialize)]
struct Items {
    run: String,
    filter: ItemFilter,
    versions: Vec<(String, String)>,
    rows: Vec<Row>,
    total: u64,
    pages: u64,
}

#[derive(Serialize)]
struct Row {
    item: String,
    split: String,
    version: String,
    answer: String,
    passed: bool,
    harmful: bool,
    reason: String,
}

/// Shows a page of answers.
pub(super) async fn show(
    State(gateway): State<Gateway>,
    Reader(reader): Reader,
    Path(run): Path<String>,
    Query(filter): Query<ItemFilter>,
) -> Result<Html<String>, PageError> {
    let store = &gateway.shared.store;
    store.run_updated(&run).await?.ok_or(PageError::Missing("There is no such run."))?;
    let found = store.items(&run, &filter).await?;
    let versions = store.run_versions(&run).await?;
    let row = |row: empiric_schema::db::entity::item_result::Model| Row {
        item: row.item,
        split: row.split,
        version: row.version,
        answer: row.answer,
        passed: row.passed,
        harmful: row.harmful,
        reason: row.reason,
    };
    let content = Items {
        run,
        filter,
        versions: versions.into_iter().map(|(label, digest, _)| (label, digest.hex().to_owned())).collect(),
        rows: found.rows.into_iter().map(row).collect(),
        total: found.total,
        pages: found.total.div_ceil(crate::store::PAGE),
    };
    page(&gateway, &reader, "items.html.j2", content).await
}

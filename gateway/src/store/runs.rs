//! Runs of the read model, for pages.

use empiric_schema::artifact::Digest;
use empiric_schema::db::entity::{item_result, run, version};
use empiric_schema::version::SystemVersion;
use empiric_schema::view::RunView;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, ExprTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::{Store, parse};
use crate::error::GatewayError;

/// Which answers are looked for.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct ItemFilter {
    /// `dev` or `dev-confirm`. Answers of the locked test are shown to nobody.
    #[serde(default)]
    pub split: String,
    /// The beginning of a version's digest, without `sha256:`.
    #[serde(default)]
    pub version: String,
    /// `passed`, `failed` or `harmful`; anything else is all.
    #[serde(default)]
    pub grade: String,
    /// Words that stand in the answer or in the item's id.
    #[serde(default)]
    pub text: String,
    /// Which page, from 0.
    #[serde(default)]
    pub page: u64,
}

/// A page of answers.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemPage {
    /// The answers.
    pub rows: Vec<item_result::Model>,
    /// How many there are on all pages.
    pub total: u64,
}

/// Answers on a page.
pub(crate) const PAGE: u64 = 50;

impl Store {
    /// The last views of all runs, the latest first. One of another form is left out: it must not hide the others.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn runs(&self, most: u64) -> Result<Vec<RunView>, GatewayError> {
        let rows = run::Entity::find().order_by_desc(run::Column::Started).limit(most);
        let rows = rows.all(&self.connection).await?;
        let read = |row: run::Model| {
            let view = parse::<RunView>("a run", row.view);
            view.inspect_err(|error| tracing::warn!(run = row.id, %error, "a run cannot be shown")).ok()
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// The last view of a run.
    ///
    /// # Errors
    /// The database cannot be read, or has a row of another form.
    pub async fn run(&self, id: &str) -> Result<Option<RunView>, GatewayError> {
        let row = run::Entity::find_by_id(id).one(&self.connection).await?;
        row.map(|row| parse("a run", row.view)).transpose()
    }

    /// When a run's view was last written.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn run_updated(&self, id: &str) -> Result<Option<f64>, GatewayError> {
        let updated = run::Entity::find_by_id(id).select_only().column(run::Column::Updated);
        Ok(updated.into_tuple().one(&self.connection).await?)
    }

    /// The versions of a run with their names.
    ///
    /// # Errors
    /// The database cannot be read, or has a row of another form.
    pub async fn run_versions(&self, id: &str) -> Result<Vec<(String, Digest, SystemVersion)>, GatewayError> {
        let rows =
            version::Entity::find().filter(version::Column::RunId.eq(id)).all(&self.connection).await?;
        let read = |row: version::Model| {
            let version: SystemVersion = parse("a version", row.content)?;
            Ok((row.label, version.digest(), version))
        };
        rows.into_iter().map(read).collect()
    }

    /// A page of a run's answers on dev.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn items(&self, run: &str, filter: &ItemFilter) -> Result<ItemPage, GatewayError> {
        use item_result::Column;
        let mut rows =
            item_result::Entity::find().filter(Column::RunId.eq(run)).filter(Column::Split.ne("test"));
        if !filter.split.is_empty() {
            rows = rows.filter(Column::Split.eq(&filter.split));
        }
        if !filter.version.is_empty() {
            rows = rows.filter(Column::Version.starts_with(format!("sha256:{}", filter.version)));
        }
        rows = match filter.grade.as_str() {
            "passed" => rows.filter(Column::Passed.eq(true)),
            "failed" => rows.filter(Column::Passed.eq(false)),
            "harmful" => rows.filter(Column::Harmful.eq(true)),
            _ => rows,
        };
        if !filter.text.is_empty() {
            rows = rows.filter(Column::Answer.contains(&filter.text).or(Column::Item.contains(&filter.text)));
        }
        let total = rows.clone().count(&self.connection).await?;
        let rows = rows.order_by_asc(Column::Position).order_by_asc(Column::Version);
        let rows = rows.offset(filter.page.saturating_mul(PAGE)).limit(PAGE).all(&self.connection).await?;
        Ok(ItemPage { rows, total })
    }
}

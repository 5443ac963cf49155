//! Drafts: reading them, and deciding about each exactly once.

use empiric_schema::db::entity::draft;
use empiric_schema::served::DraftState;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::Store;
use crate::error::GatewayError;

/// How many drafts stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct DraftCounts {
    /// Waiting.
    pub pending: u64,
    /// Of them escalated.
    pub escalated: u64,
    /// Decided, or expired.
    pub decided: u64,
}

/// A decision about a draft, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What was decided.
    pub state: DraftState,
    /// Who decided.
    pub by: String,
    /// Unix seconds.
    pub at: f64,
    /// What the caller is given; none for a refusal.
    pub given: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// Proof.
    pub signature: String,
}

impl Store {
    /// A draft by its id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn draft(&self, project: &str, id: &str) -> Result<Option<draft::Model>, GatewayError> {
        let row = draft::Entity::find_by_id(id).filter(draft::Column::Project.eq(project));
        Ok(row.one(&self.connection).await?)
    }

    /// Drafts that wait, those that were escalated first, then the oldest; after `skip` of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn pending(
        &self,
        project: &str,
        skip: u64,
        most: u64,
    ) -> Result<Vec<draft::Model>, GatewayError> {
        use draft::Column;
        // Two orders that the index has each, where one over both would sort all that wait.
        let escalated = of_state(project, DraftState::Pending).filter(Column::Escalated.is_not_null());
        let rows = escalated.order_by_asc(Column::Escalated).order_by_asc(Column::Created);
        let mut rows = rows.limit(skip + most).all(&self.connection).await?;
        let left = skip + most - rows.len() as u64;
        let plain = of_state(project, DraftState::Pending).filter(Column::Escalated.is_null());
        let plain = plain.order_by_asc(Column::Created).limit(left);
        rows.extend(plain.all(&self.connection).await?);
        Ok(rows.split_off(rows.len().min(usize::try_from(skip).unwrap_or(usize::MAX))))
    }

    /// Drafts that people decided about, the last first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn decided(&self, project: &str, most: u64) -> Result<Vec<draft::Model>, GatewayError> {
        let rows = draft::Entity::find()
            .filter(draft::Column::Project.eq(project))
            .filter(draft::Column::Decided.is_not_null())
            .order_by_desc(draft::Column::Decided)
            .limit(most);
        Ok(rows.all(&self.connection).await?)
    }

    /// How many drafts stand where.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn draft_counts(&self, project: &str) -> Result<DraftCounts, GatewayError> {
        use draft::Column;
        let rows: Vec<(String, i64, i64)> = draft::Entity::find()
            .select_only()
            .column(Column::State)
            .column_as(Column::State.count(), "drafts")
            .column_as(Column::Escalated.count(), "escalated")
            .filter(Column::Project.eq(project))
            .group_by(Column::State)
            .into_tuple()
            .all(&self.connection)
            .await?;
        let mut counts = DraftCounts::default();
        for (state, drafts, escalated) in rows {
            let (drafts, escalated) = (drafts.unsigned_abs(), escalated.unsigned_abs());
            match DraftState::of(&state) {
                Some(DraftState::Pending) => (counts.pending, counts.escalated) = (drafts, escalated),
                _ => counts.decided += drafts,
            }
        }
        Ok(counts)
    }

    /// Writes a decision, if the draft still waits. Says whether it did.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(crate) async fn decide(&self, id: &str, decision: &Decision) -> Result<bool, GatewayError> {
        use draft::Column;
        let changed = draft::Entity::update_many()
            .col_expr(Column::State, Expr::value(decision.state.name()))
            .col_expr(Column::Decided, Expr::value(decision.at))
            .col_expr(Column::DecidedBy, Expr::value(decision.by.clone()))
            .col_expr(Column::Given, Expr::value(decision.given.clone()))
            .col_expr(Column::Note, Expr::value(decision.note.clone()))
            .col_expr(Column::Signature, Expr::value(decision.signature.clone()))
            .filter(Column::Id.eq(id))
            .filter(Column::State.eq(DraftState::Pending.name()))
            .exec(&self.connection)
            .await?;
        Ok(changed.rows_affected == 1)
    }

    /// Drafts that wait beyond their deadline and were not escalated yet.
    pub(crate) async fn overdue(&self, project: &str, now: f64) -> Result<Vec<draft::Model>, GatewayError> {
        let rows = of_state(project, DraftState::Pending)
            .filter(draft::Column::Escalated.is_null())
            .filter(draft::Column::Deadline.lte(now))
            .limit(500);
        Ok(rows.all(&self.connection).await?)
    }

    /// Marks drafts as escalated.
    pub(crate) async fn escalate(&self, ids: &[String], now: f64) -> Result<(), GatewayError> {
        let rows = draft::Entity::update_many()
            .col_expr(draft::Column::Escalated, Expr::value(now))
            .filter(draft::Column::Id.is_in(ids))
            .filter(draft::Column::State.eq(DraftState::Pending.name()));
        rows.exec(&self.connection).await?;
        Ok(())
    }

    /// Removes questions and answers of drafts that were decided before a time.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn forget_drafts(&self, project: &str, before: f64) -> Result<u64, GatewayError> {
        use draft::Column;
        let rows = draft::Entity::update_many()
            .col_expr(Column::Input, Expr::value(""))
            .col_expr(Column::Answer, Expr::value(""))
            .col_expr(Column::Given, Expr::value(Option::<String>::None))
            .col_expr(Column::Passages, Expr::value(serde_json::json!([])))
            .filter(Column::Project.eq(project))
            .filter(Column::Decided.lt(before))
            .filter(Column::Input.ne(""));
        Ok(rows.exec(&self.connection).await?.rows_affected)
    }
}

fn of_state(project: &str, state: DraftState) -> sea_orm::Select<draft::Entity> {
    let rows = draft::Entity::find().filter(draft::Column::Project.eq(project));
    rows.filter(draft::Column::State.eq(state.name()))
}

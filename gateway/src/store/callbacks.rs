//! Who is to be told of which decision. A try is claimed, so that two processes never make the same one.

use empiric_schema::db::entity::{api_key, callback, draft};
use empiric_schema::served::{CallbackState, DraftState};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::Store;
use crate::error::GatewayError;

use callback::Column;

impl Store {
    /// Callbacks that may be tried now, the oldest first.
    pub(crate) async fn due_callbacks(
        &self,
        project: &str,
        now: f64,
        most: u64,
    ) -> Result<Vec<callback::Model>, GatewayError> {
        let rows = callback::Entity::find()
            .filter(Column::Project.eq(project))
            .filter(Column::State.eq(CallbackState::Due.name()))
            .filter(Column::Next.lte(now))
            .order_by_asc(Column::Next)
            .limit(most);
        Ok(rows.all(&self.connection).await?)
    }

    /// Makes those due whose draft is decided.
    pub(crate) async fn find_due_callbacks(&self, project: &str) -> Result<(), GatewayError> {
        let decided = Query::select()
            .column(draft::Column::Id)
            .from(draft::Entity)
            .and_where(Expr::col(draft::Column::State).ne(DraftState::Pending.name()))
            .and_where(
                Expr::col((draft::Entity, draft::Column::Id)).equals((callback::Entity, Column::Draft)),
            )
            .to_owned();
        let rows = callback::Entity::update_many()
            .col_expr(Column::State, Expr::value(CallbackState::Due.name()))
            .filter(Column::Project.eq(project))
            .filter(Column::State.eq(CallbackState::Waiting.name()))
            .filter(Expr::exists(decided));
        rows.exec(&self.connection).await?;
        Ok(())
    }

    /// Makes the callback of a draft due, if it has one.
    pub(crate) async fn call_back(&self, draft: &str) -> Result<(), GatewayError> {
        let rows = callback::Entity::update_many()
            .col_expr(Column::State, Expr::value(CallbackState::Due.name()))
            .filter(Column::Draft.eq(draft))
            .filter(Column::State.eq(CallbackState::Waiting.name()));
        rows.exec(&self.connection).await?;
        Ok(())
    }

    /// Takes the next try of a callback, until a time. Says whether nobody else has taken it.
    pub(crate) async fn claim_callback(
        &self,
        callback: &callback::Model,
        until: f64,
    ) -> Result<bool, GatewayError> {
        let rows = callback::Entity::update_many()
            .col_expr(Column::Attempts, Expr::value(callback.attempts.saturating_add(1)))
            .col_expr(Column::Next, Expr::value(until))
            .filter(Column::Draft.eq(&callback.draft))
            .filter(Column::State.eq(CallbackState::Due.name()))
            .filter(Column::Attempts.eq(callback.attempts));
        Ok(rows.exec(&self.connection).await?.rows_affected == 1)
    }

    /// Has a callback tried again later.
    pub(crate) async fn retry_callback(
        &self,
        draft: &str,
        next: f64,
        problem: &str,
    ) -> Result<(), GatewayError> {
        let rows = callback::Entity::update_many()
            .col_expr(Column::Next, Expr::value(next))
            .col_expr(Column::Problem, Expr::value(problem))
            .filter(Column::Draft.eq(draft));
        rows.exec(&self.connection).await?;
        Ok(())
    }

    /// Ends a callback, and forgets its address.
    pub(crate) async fn end_callback(
        &self,
        draft: &str,
        state: CallbackState,
        problem: &str,
        now: f64,
    ) -> Result<(), GatewayError> {
        let delivered = (state == CallbackState::Delivered).then_some(now);
        let rows = callback::Entity::update_many()
            .col_expr(Column::State, Expr::value(state.name()))
            .col_expr(Column::Delivered, Expr::value(delivered))
            .col_expr(Column::Problem, Expr::value(problem))
            .col_expr(Column::Url, Expr::value(""))
            .filter(Column::Draft.eq(draft));
        rows.exec(&self.connection).await?;
        Ok(())
    }

    /// What a caller's notices are signed with: the SHA-256 of its key, unless that was taken back.
    pub(crate) async fn key_secret(
        &self,
        project: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, GatewayError> {
        let row = api_key::Entity::find()
            .filter(api_key::Column::Project.eq(project))
            .filter(api_key::Column::Name.eq(name))
            .filter(api_key::Column::Revoked.is_null());
        let row = row.one(&self.connection).await?;
        Ok(row.and_then(|row| hex::decode(row.digest).ok()))
    }
}

//! Statements: every row is inserted, or replaces the row of the same natural key.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, EntityTrait, InsertMany, IntoActiveModel, Iterable, PrimaryKeyToColumn, TryInsert,
};

use super::rows::Rows;
use crate::adapters::database::{DatabaseError, WriteTransaction};

/// Rows a statement: SQLite allows 32766 values in one, and answers have twelve columns.
const ROWS_PER_STATEMENT: usize = 500;

/// Writes the rows.
pub(super) async fn rows(to: &WriteTransaction<'_>, rows: Rows) -> Result<(), DatabaseError> {
    match rows {
        Rows::Run(project, run) => {
            replace(to, vec![project]).await?;
            replace(to, vec![*run]).await
        }
        Rows::Iteration(row) => replace(to, vec![row]).await,
        Rows::Version(row) => replace(to, vec![row]).await,
        Rows::Job(row) => keep_first(to, row).await,
        Rows::Evaluation(row, answers) => {
            replace(to, vec![row]).await?;
            replace(to, answers).await
        }
        Rows::Decision(row) => replace(to, vec![row]).await,
        Rows::Spend(row) => replace(to, vec![row]).await,
        Rows::Nothing => Ok(()),
    }
}

async fn replace<M, A>(to: &WriteTransaction<'_>, models: Vec<M>) -> Result<(), DatabaseError>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait,
{
    let models: Vec<A> = models.into_iter().map(M::into_active_model).collect();
    for chunk in models.chunks(ROWS_PER_STATEMENT) {
        let insert = InsertMany::many(chunk.iter().cloned()).on_conflict(overwrite::<A>());
        let written = insert.exec_without_returning(&to.statements).await;
        written.map_err(|error| to.fault(error))?;
    }
    Ok(())
}

/// The first record of a job is the one that ran; a later one was answered from records.
async fn keep_first<M, A>(to: &WriteTransaction<'_>, model: M) -> Result<(), DatabaseError>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait,
{
    let insert = TryInsert::one(model).on_conflict_do_nothing();
    let written = insert.exec_without_returning(&to.statements).await;
    written.map(|_| ()).map_err(|error| to.fault(error))
}

fn overwrite<A: ActiveModelTrait>() -> OnConflict {
    let key: Vec<_> =
        <A::Entity as EntityTrait>::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
    let named = |column: &<A::Entity as EntityTrait>::Column| format!("{column:?}");
    let names: Vec<_> = key.iter().map(named).collect();
    let others = <A::Entity as EntityTrait>::Column::iter().filter(|column| !names.contains(&named(column)));
    OnConflict::columns(key).update_columns(others).to_owned()
}

//! What every migration shares: the key to the run, indexes, and dropping a table.

use sea_orm_migration::prelude::*;

/// The foreign key of a table to `runs`; rows go with their run.
pub(super) fn to_run(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{table}_run"))
        .from(table, "run_id")
        .to("runs", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

/// Undoes the creation of a table.
pub(super) async fn drop_table(manager: &SchemaManager<'_>, table: &'static str) -> Result<(), DbErr> {
    manager.drop_table(Table::drop().table(table).to_owned()).await
}

/// An index over columns of a table.
pub(super) async fn create_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    let mut index = Index::create();
    index.name(format!("ix_{table}_{}", columns.join("_"))).table(table);
    for column in columns {
        index.col(*column);
    }
    manager.create_index(index.to_owned()).await
}

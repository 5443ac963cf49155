//! The read model: tables that people and dashboards read, and that nothing decides from.
//!
//! Entities say how rows look to the program, migrations how tables came to be. Every table has a
//! natural key, so that writing a row twice is the same as writing it once. Opening, writing and
//! reading belong to `activities`.

pub mod entity;
pub mod migration;

pub use migration::Migrator;
pub use sea_orm_migration::MigratorTrait;

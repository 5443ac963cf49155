//! Bring your own: from what somebody has to a project that can be planned and run.
//!
//! Three steps, each a value: [`read`] turns a file or a folder into [`Found`] items and says what it
//! left out; [`Draft::new`] splits them, guesses the task and writes every file in memory; [`publish`]
//! makes the folder appear whole. What the data could show is left to `empiric_workflows::plan`.

mod chat;
mod columns;
mod csv;
mod draft;
mod error;
mod folder;
mod found;
mod group;
mod guess;
mod items;
mod jsonl;
mod outlook;
mod project;
mod promptfoo;
mod publish;
mod read;
mod split;
mod table;
pub mod words;

#[cfg(test)]
mod tests;

pub use columns::ColumnNames;
pub use draft::{Draft, Wishes, suggested_accuracy};
pub use error::ImportError;
pub use publish::{NewFile, publish};
pub use read::read;

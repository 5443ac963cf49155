//! The report of a run: one self-contained HTML page, the same as Markdown, and the data as JSON.
//!
//! Everything here is a pure function of [`ReportData`]. Reading the run from the database or a
//! workflow, and writing files, is left to the commands.

mod beside;
pub(crate) mod budget;
mod compare;
mod data;
mod error;
mod examples;
mod failures;
mod headline;
mod page;
pub(crate) mod people;
mod plot;
mod promise;
mod reading;
mod render;
mod version;
pub(crate) mod words;
mod worth;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use data::{ItemExample, ReportData};
pub use error::ReportError;
pub use headline::{Tone, headline};
pub use reading::Reading;
pub use render::{html, json, markdown};

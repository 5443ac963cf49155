//! The report's plots: plotters draws them as SVG, and the page's style sheet colours them.
//!
//! Each plot is drawn twice, for a wide page and for a phone, because text in a scaled SVG shrinks.

mod curve;
mod failures;
mod paired;
mod race;
mod spend;
mod svg;

pub(super) use curve::curve;
pub(super) use failures::{Stack, failures};
pub(super) use paired::{Duel, paired};
pub(super) use race::{Race, race};
pub(super) use spend::{spend, time_split};

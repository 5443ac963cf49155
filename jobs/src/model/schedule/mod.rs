//! Continuous batching: many sequences through one network, with every shared beginning read once.
//!
//! Sequences join when there is room and leave when they are done; passes are kept even by cutting long
//! texts. What a sequence reads and what it makes of the logits is left to [`Sequence`]'s implementors in
//! [`super::generate`] and [`super::score`].

mod batch;
mod pace;
mod queue;
mod sequence;
mod slots;

pub(crate) use batch::run;
pub(crate) use sequence::{Next, Reading, Sequence, fit, known};

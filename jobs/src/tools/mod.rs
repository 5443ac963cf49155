//! Tools that answers may call: what stands between `<<` and `>>` is done, and its result put in its place.
//!
//! No tool has effects outside, none reads a clock: the same answer gives the same text again, but for what
//! [`Tool::HttpGet`](empiric_schema::version::Tool::HttpGet) finds. Which tools a version has is decided by its
//! maker, and how a model learns to call them by [`worked`].

mod calculator;
mod calls;
mod dates;
mod error;
mod lookup;
mod routing;
mod toolbox;
mod worked;

pub use calculator::CalculationError;
pub use error::{CallError, ToolError};
pub use toolbox::{Toolbox, Worked};
pub(crate) use worked::{expression_numbers, has_calculator, shown_answer, worked_answer};

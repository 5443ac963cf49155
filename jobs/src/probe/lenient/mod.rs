//! Reading answers leniently: what is said, whatever its form.

mod grader;
mod number_words;
mod says;
mod token;
mod unit;

pub(crate) use grader::LenientGrader;
pub(crate) use says::{Quantity, holds, quantities, quantity};
pub(crate) use token::{Token, Value, on_keyboard, tokens};

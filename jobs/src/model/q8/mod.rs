//! Matrices of 8-bit weights in runs of 32 inputs with a 16-bit scale, times 32-bit inputs.
//!
//! Weights are widened in registers, so inputs need not be rounded, and a row's result is the same to the last
//! bit whatever rows are beside it. Runs of ggml's formats up to 8 bits are taken over as they are; other
//! weights are rounded as ggml's Q8_0 rounds them.

mod matrix;
mod product;
mod run;

pub(crate) use matrix::Q8Matrix;
pub(crate) use run::{RUN, Run, from_ggml};

//! LoRA adapters (Hu et al. 2021) in the layout of Hugging Face's PEFT, stacked onto a base at run time.
//!
//! The base's weights are neither changed nor copied: the low-rank product is added to the base's output, for
//! the rows of a batch that asked for it. Training and writing adapters is left to others.

mod apply;
mod load;
mod peft;

#[cfg(test)]
mod tests;

pub(crate) use apply::{Linears, Routes};
pub use load::Adapter;
pub use peft::AdapterBase;

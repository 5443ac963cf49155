//! The network in the tensor library's own operations, on any of its devices: how a GPU is used.
//!
//! Same weights, same caches, same batches and the same answers as the hand-written loops, in 32-bit floats.
//! What remains on the processor: text and tokens, who is in the batch, and choosing tokens from logits.
//! Encoders ([`crate::embed`]) and training ([`crate::train`]) know only main memory.

mod attention;
mod choice;
mod network;

#[cfg(test)]
mod tests;

pub use choice::{DeviceChoice, DeviceError};
pub(crate) use network::DeviceNetwork;

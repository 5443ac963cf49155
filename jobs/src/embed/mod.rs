//! Sentence encoder: texts to vectors of length 1, as sentence-transformers makes them with MiniLM.
//!
//! A BERT of our own on candle's matrix products (Devlin et al. 2018; Reimers and Gurevych 2019). Texts are
//! laid one after another without padding, so a vector does not depend on its neighbours. What the vectors
//! are for is left to the callers.

mod attention;
mod bert;
mod config;
mod encoder;
mod error;
mod files;
mod kernels;
mod pooling;
mod tokenizer;
mod weights;

/// Name of the only tensor in a file of vectors ([`empiric_schema::job::VECTORS_FILE`]).
pub const VECTORS_TENSOR: &str = "vectors";

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tiny;

pub use config::BertConfig;
pub use encoder::{EmbedObserver, SentenceEncoder, Vectors};
pub use error::EmbedError;
pub use files::EncoderPaths;

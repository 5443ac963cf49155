//! The model runtime: weights files to tokens.
//!
//! A Llama of our own on candle, because the ready-made one returns only one kind of logits, caps the
//! context and grows its cache by copying. Sequences of a batch are laid one after another without
//! padding, so an answer does not depend on its neighbours. Who asks what is left to [`crate::answer`].

mod attention;
mod chat;
mod config;
mod error;
mod files;
mod generate;
mod gguf;
pub(crate) mod kernels;
mod kv_cache;
mod llama;
pub(crate) mod rope;
mod safetensors;
mod tokenizer;
mod weights;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tiny;

pub use chat::{ChatTemplate, Message, Role};
pub(crate) use config::LANES;
pub use config::LlamaConfig;
pub use error::ModelError;
pub use files::{LoadedModel, load};
pub use generate::{Finish, Flow, Generated, GenerationOptions, Observer, Totals, generate};
pub use kv_cache::KvCache;
pub use llama::{Llama, Segment};
pub use tokenizer::ChatTokenizer;

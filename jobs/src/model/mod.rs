//! The model runtime: weights files to tokens.
//!
//! A Llama of our own on candle, because the ready-made one returns only one kind of logits, caps the
//! context and grows its cache by copying. Sequences of a batch are laid one after another without
//! padding, so an answer does not depend on its neighbours. Who asks what is left to [`crate::answer`].

mod adapter;
pub(crate) mod attention;
mod chat;
pub(crate) mod config;
mod device;
mod error;
mod files;
mod generate;
mod gguf;
mod gguf_limits;
pub(crate) mod host;
pub(crate) mod kernels;
mod kv_cache;
pub(crate) mod linear;
pub(crate) mod llama;
mod logits;
mod observe;
mod prompt;
mod q8;
pub(crate) mod rope;
mod rope_scaling;
mod safetensors;
mod schedule;
mod score;
mod stream;
mod tokenizer;
mod trie;
mod weights;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod format_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(test)]
mod score_tests;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "test-model"))]
#[cfg_attr(not(test), allow(dead_code, reason = "other crates only have it written"))]
pub(crate) mod tiny;
#[cfg(test)]
pub(crate) mod tiny_adapter;

pub use adapter::{Adapter, AdapterBase};
pub use chat::{ChatTemplate, Message, Role};
pub(crate) use config::LANES;
pub use config::LlamaConfig;
pub use device::{DeviceChoice, DeviceError};
pub use error::ModelError;
pub use files::{LoadOptions, LoadedModel, ModelFiles, load, load_with};
pub use generate::{Finish, Generated, GenerationOptions, Sampling, generate};
pub use kv_cache::KvCache;
pub use linear::Precision;
pub(crate) use llama::with_values;
pub use llama::{Llama, Segment};
pub use observe::{Flow, Observer, Totals};
pub use score::{Candidates, Likelihood, ScoreOptions, TurnEnd, score};
pub use stream::stream;
#[cfg(feature = "test-model")]
pub use tiny::write_tiny_model;
pub use tokenizer::ChatTokenizer;
pub(crate) use weights::{all_finite, turn};

//! Entry points for fuzzing: bytes in, and whatever they are, the readers return.

use super::adapter::{Adapter, AdapterBase};
use super::config::LlamaConfig;
use super::files::{LoadOptions, from_gguf};
use super::linear::Precision;
use super::safetensors::SafetensorsModel;
use super::weights::assemble;

/// A small base for adapters: that of the crate's tests.
const BASE: LlamaConfig = LlamaConfig {
    vocabulary: 263,
    hidden: 64,
    intermediate: 96,
    layers: 2,
    heads: 4,
    kv_heads: 2,
    head_dim: 16,
    rope_base: 10_000.0,
    norm_epsilon: 1e-5,
    context: 512,
};

/// Loads a GGUF file.
pub fn gguf(bytes: &[u8]) {
    let weights = if bytes.len().is_multiple_of(2) { Precision::F32 } else { Precision::Q8_0 };
    drop(from_gguf(bytes.to_vec(), LoadOptions { weights, ..LoadOptions::default() }));
}

/// Loads the weights of a safetensors file under the configuration.
pub fn safetensors(bytes: &[u8], config: &str) {
    if let Ok(model) = SafetensorsModel::parse(vec![bytes.to_vec()], config) {
        drop(assemble(&model, Precision::F32));
    }
}

/// Reads an adapter's configuration and weights.
pub fn adapter(config: &str, weights: &[u8]) {
    drop(Adapter::parse(config, weights.to_vec(), AdapterBase { config: &BASE, name: "tiny" }));
}

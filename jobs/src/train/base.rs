//! Takes the weights out of a loaded model: the one place that knows how [`Llama`] holds them.

use candle_core::Tensor;

use super::error::TrainError;
use crate::model::host::Layer;
use crate::model::linear::{Embedding, Linear};
use crate::model::llama::Network;
use crate::model::rope::Rope;
use crate::model::{Llama, LlamaConfig};

/// The weights of one block.
pub(crate) struct BaseBlock {
    /// `[hidden]`
    pub(crate) attention_norm: Tensor,
    /// `[hidden, query_width + 2 * kv_width]`
    pub(crate) qkv: Tensor,
    /// `[query_width, hidden]`
    pub(crate) attention_output: Tensor,
    /// `[hidden]`
    pub(crate) feed_forward_norm: Tensor,
    /// `[hidden, 2 * intermediate]`
    pub(crate) gate_up: Tensor,
    /// `[intermediate, hidden]`
    pub(crate) down: Tensor,
}

/// All weights as contiguous 32-bit floats in main memory.
pub(crate) struct Base {
    pub(crate) config: LlamaConfig,
    pub(crate) rope: Rope,
    /// `[vocabulary, hidden]`
    pub(crate) embedding: Tensor,
    pub(crate) blocks: Vec<BaseBlock>,
    /// `[hidden]`
    pub(crate) norm: Tensor,
    /// `[vocabulary, hidden]`; none where the embedding serves as head.
    pub(crate) head: Option<Tensor>,
}

/// Takes the weights over without copying them.
///
/// # Errors
/// Weights that are kept in 8 bits, or on a device: nothing is trained on those.
pub(crate) fn take(llama: Llama) -> Result<Base, TrainError> {
    let Network::Host(network) = llama.network else {
        let found = "on a device".to_owned();
        return Err(TrainError::Parameter {
            name: "weights",
            found,
            expected: "32-bit floats in main memory",
        });
    };
    let head = match network.head {
        Linear::DenseHead(head) => Some(head),
        other => Some(dense(other)?),
    };
    let embedding = match network.embedding {
        Embedding::Dense(table) => table,
        Embedding::Quantized(_) => return Err(quantized()),
    };
    let blocks: Result<Vec<BaseBlock>, TrainError> = network.layers.into_iter().map(block).collect();
    Ok(Base {
        config: network.config,
        rope: network.rope,
        blocks: blocks?,
        norm: network.norm,
        head: head.filter(|head| head.id() != embedding.id()),
        embedding,
    })
}

fn block(layer: Layer) -> Result<BaseBlock, TrainError> {
    Ok(BaseBlock {
        attention_norm: layer.attention_norm,
        qkv: dense(layer.qkv)?,
        attention_output: dense(layer.attention_output)?,
        feed_forward_norm: layer.feed_forward_norm,
        gate_up: dense(layer.gate_up)?,
        down: dense(layer.down)?,
    })
}

fn dense(linear: Linear) -> Result<Tensor, TrainError> {
    match linear {
        Linear::Dense(weights) | Linear::DenseHead(weights) => Ok(weights),
        Linear::Quantized(_) => Err(quantized()),
    }
}

fn quantized() -> TrainError {
    TrainError::Parameter { name: "weights", found: "kept in 8 bits".to_owned(), expected: "32-bit floats" }
}

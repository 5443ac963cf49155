//! Takes the weights out of a loaded model: the one place that knows how [`Llama`] holds them.

use candle_core::Tensor;

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
pub(crate) fn take(llama: Llama) -> Base {
    let tied = llama.head.id() == llama.embedding.id();
    let blocks = llama.layers.into_iter().map(|layer| BaseBlock {
        attention_norm: layer.attention_norm,
        qkv: layer.qkv,
        attention_output: layer.attention_output,
        feed_forward_norm: layer.feed_forward_norm,
        gate_up: layer.gate_up,
        down: layer.down,
    });
    Base {
        config: llama.config,
        rope: llama.rope,
        embedding: llama.embedding,
        blocks: blocks.collect(),
        norm: llama.norm,
        head: (!tied).then_some(llama.head),
    }
}

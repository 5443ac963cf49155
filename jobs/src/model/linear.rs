//! Matrices of the network in one of two precisions, behind one product.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::error::ModelError;
use super::q8::Q8Matrix;

/// How weights are kept in memory. Inputs and sums are 32-bit floats either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 8-bit whole numbers in runs of 32 with a 16-bit scale: about a quarter of the memory, and quicker, most
    /// of all for one sequence at a time, whose speed is that of reading the weights.
    ///
    /// Files in ggml's formats of 4, 5 or 8 bits without super-blocks (Q4_0 to Q8_0) are taken over as they
    /// are. Other weights are rounded as for ggml's Q8_0.
    Q8_0,
    /// Each matrix as [`Self::Q8_0`] where that takes the file over as it is, and as [`Self::F32`] elsewhere:
    /// the quickest way that rounds nothing.
    AsStored,
}

/// A linear layer's weights.
#[derive(Debug, Clone)]
pub(crate) enum Linear {
    /// `[in, out]`
    Dense(Tensor),
    /// `[out, in]`: a head that lies in memory as the embedding does, and may be the same.
    DenseHead(Tensor),
    /// `[in, out]`
    Quantized(Arc<Q8Matrix>),
}

impl Linear {
    /// `[rows, in]` to `[rows, out]`.
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, ModelError> {
        match self {
            Self::Dense(weights) => Ok(input.matmul(weights)?),
            Self::DenseHead(weights) => Ok(input.matmul(&weights.t()?)?),
            Self::Quantized(weights) => weights.forward(input),
        }
    }
}

/// The embedding of tokens.
#[derive(Debug, Clone)]
pub(crate) enum Embedding {
    /// `[vocabulary, hidden]`
    Dense(Tensor),
    /// `[hidden, vocabulary]`: a head's matrix.
    Quantized(Arc<Q8Matrix>),
}

impl Embedding {
    /// `[tokens, hidden]`
    pub(crate) fn rows(&self, tokens: &[u32]) -> Result<Tensor, ModelError> {
        match self {
            Self::Dense(table) => {
                let index = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
                Ok(table.index_select(&index, 0)?)
            }
            Self::Quantized(table) => table.columns(tokens),
        }
    }

    /// The head that shares these weights.
    pub(crate) fn tied_head(&self) -> Linear {
        match self {
            Self::Dense(table) => Linear::DenseHead(table.clone()),
            Self::Quantized(table) => Linear::Quantized(Arc::clone(table)),
        }
    }
}

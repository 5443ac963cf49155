//! Causal attention with grouped keys over caches on a device, one sequence after another.

use candle_core::{Device, Tensor};
use candle_nn::ops::softmax_last_dim;
use candle_nn::rotary_emb::rope;

use crate::model::config::LlamaConfig;
use crate::model::error::ModelError;
use crate::model::kv_cache::KeysValues;
use crate::model::llama::Segment;

/// What all layers of a pass have in common.
pub(super) struct Plan {
    spans: Vec<Span>,
    /// Of each token's position: `[tokens, head_dim / 2]`.
    cosines: Tensor,
    /// As the cosines.
    sines: Tensor,
}

/// Where a segment's tokens lie.
struct Span {
    start: usize,
    count: usize,
    /// `[count, keys]`: 0 where a token sees a key, minus infinity elsewhere. None where one token sees all.
    mask: Option<Tensor>,
}

impl Plan {
    /// `rope`: cosines and sines by position, each `[positions, head_dim / 2]`.
    pub(super) fn new(
        segments: &[Segment<'_>],
        rope: &(Tensor, Tensor),
        device: &Device,
    ) -> Result<Self, ModelError> {
        let mut spans = Vec::with_capacity(segments.len());
        let mut positions = Vec::new();
        for segment in segments {
            let (start, first, count) = (positions.len(), segment.cache.len(), segment.tokens.len());
            positions.extend((first..first + count).map(|position| position as u32));
            spans.push(Span { start, count, mask: mask(first, count, device)? });
        }
        let count = positions.len();
        let positions = Tensor::from_vec(positions, count, device)?;
        let (cosines, sines) = (rope.0.index_select(&positions, 0)?, rope.1.index_select(&positions, 0)?);
        Ok(Self { spans, cosines, sines })
    }
}

/// What `count` tokens see that stand behind `first` others: those, themselves, and none that come later.
fn mask(first: usize, count: usize, device: &Device) -> candle_core::Result<Option<Tensor>> {
    if count == 1 {
        return Ok(None);
    }
    let keys = first + count;
    let sees = |token: usize, key: usize| if key <= first + token { 0.0 } else { f32::NEG_INFINITY };
    let values = (0..count).flat_map(|token| (0..keys).map(move |key| sees(token, key))).collect();
    Tensor::from_vec(values, (count, keys), device).map(Some)
}

/// The attention of a pass, for all its layers.
pub(super) struct Attention<'a> {
    pub(super) config: &'a LlamaConfig,
    pub(super) plan: &'a Plan,
}

impl Attention<'_> {
    /// `qkv`: `[tokens, query_width + 2 * kv_width]`, the tokens of all segments in order.
    /// Returns `[tokens, query_width]`. The caches get the new keys and values, but not yet their length.
    pub(super) fn run(
        &self,
        layer: usize,
        qkv: &Tensor,
        segments: &mut [Segment<'_>],
    ) -> Result<Tensor, ModelError> {
        let (query_width, kv_width) = (self.config.query_width(), self.config.kv_width());
        let queries = self.rotated(&qkv.narrow(1, 0, query_width)?, self.config.heads)?;
        let queries = (queries * (self.config.head_dim as f64).powf(-0.5))?;
        let keys = self.rotated(&qkv.narrow(1, query_width, kv_width)?, self.config.kv_heads)?;
        let values = qkv.narrow(1, query_width + kv_width, kv_width)?;
        let values = by_head(&values, self.config.kv_heads)?;
        let mut mixed = Vec::with_capacity(segments.len());
        for (span, segment) in self.plan.spans.iter().zip(segments) {
            let own = |tensor: &Tensor| tensor.narrow(1, span.start, span.count);
            let new = KeysValues { keys: own(&keys)?, values: own(&values)? };
            let all = segment.cache.append(layer, new)?;
            mixed.push(self.attend(&own(&queries)?, &all, span)?);
        }
        Ok(Tensor::cat(&mixed, 0)?)
    }

    /// `[tokens, heads * head_dim]` to `[heads, tokens, head_dim]`, each turned by its token's position.
    fn rotated(&self, rows: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
        let heads = by_head(rows, heads)?.unsqueeze(0)?;
        rope(&heads, &self.plan.cosines, &self.plan.sines)?.squeeze(0)
    }

    /// One sequence: queries `[heads, count, head_dim]` over keys and values `[kv_heads, keys, head_dim]`, to
    /// `[count, query_width]`. Query heads that share a key head are rows of one product, so that keys are
    /// not repeated.
    fn attend(&self, queries: &Tensor, all: &KeysValues, span: &Span) -> candle_core::Result<Tensor> {
        let c = self.config;
        let rows = c.group() * span.count;
        let queries = queries.contiguous()?.reshape((c.kv_heads, rows, c.head_dim))?;
        let mut scores = queries.matmul(&all.keys.t()?)?;
        if let Some(mask) = &span.mask {
            let shape = scores.shape().clone();
            let by_token = scores.reshape((c.heads, span.count, mask.dim(1)?))?;
            scores = by_token.broadcast_add(mask)?.reshape(shape)?;
        }
        let mixed = softmax_last_dim(&scores)?.matmul(&all.values)?;
        let mixed = mixed.reshape((c.heads, span.count, c.head_dim))?.transpose(0, 1)?;
        mixed.reshape((span.count, c.query_width()))
    }
}

/// `[tokens, heads * size]` to `[heads, tokens, size]`, contiguous.
fn by_head(rows: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let (tokens, width) = rows.dims2()?;
    rows.reshape((tokens, heads, width / heads))?.transpose(0, 1)?.contiguous()
}

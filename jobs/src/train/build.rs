//! From a model's weights and a method to a network that knows what of it is trained.

use candle_core::{DType, Device, Result, Tensor};
use empiric_schema::job::{Lora, Method};

use super::base::{Base, BaseBlock};
use super::block::Block;
use super::gradients::{Decay, Parameters, Weight};
use super::linear::{Linear, LowRank, Part};
use super::network::Network;
use super::norm::Norm;
use super::random::Random;
use super::tensors::matrix;
use crate::model::LlamaConfig;

/// Makes the network and lists what is trained.
pub(crate) fn build(base: Base, method: &Method, seed: u64) -> Result<(Network, Parameters)> {
    let config = base.config;
    let turned = Tensor::zeros(largest_matrix(&config), DType::F32, &Device::Cpu)?;
    let mut build = Build { method, low: None, seed, streams: 0, parameters: Parameters::default(), turned };
    let epsilon = config.norm_epsilon as f32;
    let embedding = build.weight("embedding", base.embedding, Decay::Yes);
    let blocks = base.blocks.into_iter().enumerate();
    let blocks = blocks.map(|(index, block)| build.block(index, block, &config)).collect::<Result<_>>()?;
    let norm = Norm { weight: build.weight("norm", base.norm, Decay::No), epsilon };
    let (head, tied) = match base.head {
        Some(head) => (build.weight("head", head, Decay::Yes), false),
        None => (embedding.clone(), true),
    };
    let first = first_learning(method, config.layers);
    let network = Network { config, rope: base.rope, embedding, blocks, first, norm, head, tied };
    Ok((network, build.parameters))
}

struct Build<'a> {
    method: &'a Method,
    /// The low-rank matrices of the block that is being made.
    low: Option<&'a Lora>,
    seed: u64,
    /// Random streams that were begun: each matrix has its own.
    streams: u64,
    parameters: Parameters,
    /// See [`Linear::turned`].
    turned: Tensor,
}

fn largest_matrix(config: &LlamaConfig) -> usize {
    let widest = (2 * config.intermediate).max(config.query_width() + 2 * config.kv_width());
    config.hidden * widest
}

/// The sizes of the block's low-rank matrices, where it has any.
fn adapted(method: &Method, index: usize, layers: usize) -> Option<&Lora> {
    match method {
        Method::Full => None,
        Method::Lora(lora) => Some(lora).filter(|lora| index >= lora.first_layer(layers)),
    }
}

/// The first block that learns.
fn first_learning(method: &Method, layers: usize) -> usize {
    match method {
        Method::Full => 0,
        Method::Lora(lora) => lora.first_layer(layers),
    }
}

impl Build<'_> {
    /// A weight of the base: trained in full training alone.
    fn weight(&mut self, name: &str, value: Tensor, decay: Decay) -> Weight {
        match self.method {
            Method::Full => self.parameters.add(name.to_owned(), value, decay),
            Method::Lora(_) => Weight::frozen(value),
        }
    }

    fn block(&mut self, index: usize, base: BaseBlock, config: &LlamaConfig) -> Result<Block> {
        self.low = adapted(self.method, index, config.layers);
        let epsilon = config.norm_epsilon as f32;
        let name = |part: &str| format!("layers.{index}.{part}");
        let part = |name: &'static str, width: usize| Part { name, width };
        let (query, kv, inner) = (config.query_width(), config.kv_width(), config.intermediate);
        let qkv = [("self_attn.q_proj", query), ("self_attn.k_proj", kv), ("self_attn.v_proj", kv)];
        let gate_up = [("mlp.gate_proj", inner), ("mlp.up_proj", inner)];
        let norm = self.weight(&name("attention_norm"), base.attention_norm, Decay::No);
        let attention_norm = Norm { weight: norm, epsilon };
        let qkv = self.linear(name("qkv"), base.qkv, qkv.map(|(n, w)| part(n, w)).to_vec())?;
        let output = vec![part("self_attn.o_proj", config.hidden)];
        let attention_output = self.linear(name("attention_output"), base.attention_output, output)?;
        let norm = self.weight(&name("feed_forward_norm"), base.feed_forward_norm, Decay::No);
        let feed_forward_norm = Norm { weight: norm, epsilon };
        let gate_up =
            self.linear(name("gate_up"), base.gate_up, gate_up.map(|(n, w)| part(n, w)).to_vec())?;
        let down = self.linear(name("down"), base.down, vec![part("mlp.down_proj", config.hidden)])?;
        Ok(Block { attention_norm, qkv, attention_output, feed_forward_norm, gate_up, down })
    }

    fn linear(&mut self, name: String, value: Tensor, parts: Vec<Part>) -> Result<Linear> {
        let (inputs, outputs) = value.dims2()?;
        let low_rank = match self.low {
            None => None,
            Some(lora) => Some(self.low_rank(&name, lora, inputs, outputs, parts.len())?),
        };
        let weight = self.weight(&name, value, Decay::Yes);
        Ok(Linear { weight, parts, low_rank, turned: self.turned.clone() })
    }

    /// Start values as PEFT's: `a` uniform within one over the root of its inputs (He et al. 2015 with
    /// slope `sqrt(5)`), `b` zero.
    fn low_rank(
        &mut self,
        name: &str,
        lora: &Lora,
        inputs: usize,
        outputs: usize,
        parts: usize,
    ) -> Result<LowRank> {
        let rank = lora.r as usize;
        let mut random = Random::new(self.seed, self.streams);
        self.streams += 1;
        let bound = 1.0 / (inputs as f32).sqrt();
        let a = (0..parts * rank * inputs).map(|_| random.symmetric(bound)).collect();
        let (a, b) = (matrix(a, inputs)?, matrix(vec![0.0; rank * outputs], outputs)?);
        Ok(LowRank {
            a: self.parameters.add(format!("{name}.lora_a"), a, Decay::Yes),
            b: self.parameters.add(format!("{name}.lora_b"), b, Decay::Yes),
            rank,
            scale: (lora.alpha / f64::from(lora.r)) as f32,
        })
    }
}

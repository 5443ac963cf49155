//! What was trained, in the layouts that others read: PEFT's for adapters, Hugging Face's for weights.

use std::borrow::Cow;

use candle_core::Result;
use empiric_schema::job::Lora;
use serde_json::json;

use super::linear::{Linear, LowRank};
use super::network::Network;
use super::tensor_file::{NamedValues, encode};
use super::tensors::lend;

/// Hugging Face's readers want to know which library's layout the tensors have.
const METADATA: [(&str, &str); 1] = [("format", "pt")];

/// The two files of an adapter in PEFT's layout.
#[derive(Debug, Clone)]
pub struct AdapterFiles {
    /// `adapter_config.json`
    pub config: Vec<u8>,
    /// `adapter_model.safetensors`: `lora_A` as `[r, in]`, `lora_B` as `[out, r]`.
    pub weights: Vec<u8>,
}

/// The network's low-rank matrices. `base` names the model they belong to.
pub(crate) fn adapter(network: &Network, lora: &Lora, base: &str) -> Result<AdapterFiles> {
    let mut tensors = Vec::new();
    let mut modules = Vec::new();
    for (prefix, linear) in linears(network) {
        let Some(low_rank) = &linear.low_rank else { continue };
        add_low_rank(&mut tensors, &format!("base_model.model.{prefix}"), linear, low_rank)?;
        modules.extend(linear.parts.iter().map(|part| part.name.split('.').next_back().unwrap_or(part.name)));
    }
    // Each adapted layer has the same modules.
    let layers = network.first..network.blocks.len();
    modules.truncate(modules.len() / layers.len().max(1));
    let layers: Option<Vec<usize>> = (network.first > 0).then(|| layers.collect());
    let config = json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": lora.r,
        "lora_alpha": number(lora.alpha),
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": modules,
        "layers_to_transform": layers,
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "modules_to_save": null,
        "use_rslora": false,
    });
    Ok(AdapterFiles { config: format!("{config:#}\n").into_bytes(), weights: encode(&METADATA, &tensors) })
}

/// A whole number without its point: PEFT's own files have one.
fn number(value: f64) -> serde_json::Value {
    let whole = value.fract() == 0.0 && value.abs() < 1e9;
    if whole { json!(value as i64) } else { json!(value) }
}

/// All weights as `model.safetensors`. A head that is the embedding is left out.
pub(crate) fn weights(network: &Network) -> Result<Vec<u8>> {
    let whole = |name: &str, tensor: &candle_core::Tensor| -> Result<NamedValues<'static>> {
        let values = lend(tensor)?.to_vec();
        let shape = tensor.dims().to_vec();
        Ok(NamedValues { name: name.to_owned(), shape, values: Cow::Owned(values) })
    };
    let mut tensors = vec![whole("model.embed_tokens.weight", &network.embedding.value)?];
    for (prefix, linear) in linears(network) {
        let width: usize = linear.parts.iter().map(|part| part.width).sum();
        let values = lend(&linear.weight.value)?;
        let mut start = 0;
        for part in &linear.parts {
            tensors.push(NamedValues {
                name: format!("{prefix}{}.weight", part.name),
                shape: vec![part.width, values.len() / width],
                values: Cow::Owned(turned_columns(&values, width, start, part.width)),
            });
            start += part.width;
        }
    }
    for (index, block) in network.blocks.iter().enumerate() {
        let norms = [
            ("input_layernorm", &block.attention_norm),
            ("post_attention_layernorm", &block.feed_forward_norm),
        ];
        for (name, norm) in norms {
            tensors.push(whole(&format!("model.layers.{index}.{name}.weight"), &norm.weight.value)?);
        }
    }
    tensors.push(whole("model.norm.weight", &network.norm.weight.value)?);
    if !network.tied {
        tensors.push(whole("lm_head.weight", &network.head.value)?);
    }
    Ok(encode(&METADATA, &tensors))
}

/// All linear layers with the beginning of their parts' names.
fn linears(network: &Network) -> impl Iterator<Item = (String, &Linear)> {
    network.blocks.iter().enumerate().flat_map(|(index, block)| {
        let linears = [&block.qkv, &block.attention_output, &block.gate_up, &block.down];
        linears.map(|linear| (format!("model.layers.{index}."), linear))
    })
}

fn add_low_rank(
    tensors: &mut Vec<NamedValues<'_>>,
    prefix: &str,
    linear: &Linear,
    low_rank: &LowRank,
) -> Result<()> {
    let (a, b) = (lend(&low_rank.a.value)?, lend(&low_rank.b.value)?);
    let (rank, width) = (low_rank.rank, b.len() / low_rank.rank);
    let inputs = a.len() / (rank * linear.parts.len());
    let mut start = 0;
    for (rows, part) in a.chunks_exact(rank * inputs).zip(&linear.parts) {
        let name = |which: &str| format!("{prefix}{}.lora_{which}.weight", part.name);
        let columns = turned_columns(&b, width, start, part.width);
        tensors.push(NamedValues {
            name: name("A"),
            shape: vec![rank, inputs],
            values: rows.to_vec().into(),
        });
        tensors.push(NamedValues { name: name("B"), shape: vec![part.width, rank], values: columns.into() });
        start += part.width;
    }
    Ok(())
}

/// Columns `start..start + count` of rows of this width, as rows.
fn turned_columns(values: &[f32], width: usize, start: usize, count: usize) -> Vec<f32> {
    let rows = values.len() / width;
    let mut turned = vec![0.0; rows * count];
    for (row, values) in values.chunks_exact(width).enumerate() {
        for (column, value) in values[start..][..count].iter().enumerate() {
            turned[column * rows + row] = *value;
        }
    }
    turned
}

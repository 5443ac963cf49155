//! A random LoRA adapter of the tiny Llama for tests, written in PEFT's layout.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::tiny::TinyModel;
use super::weights::Part;

pub(crate) const RANK: usize = 4;
const ALPHA: f32 = 8.0;

pub(crate) struct TinyAdapter {
    /// What `adapter_config.json` says.
    pub(crate) config: Value,
    /// Each adapted layer's A (`[RANK, in]`) and B (`[out, RANK]`).
    pub(crate) values: Vec<(Part, Vec<f32>, Vec<f32>)>,
}

impl TinyAdapter {
    /// An adapter of the layers whose names end so (`q_proj`), in all blocks of the model.
    pub(crate) fn new(seed: u64, model: &TinyModel, targets: &[&str]) -> Self {
        let mut state = seed;
        let mut noise = move |count: usize| -> Vec<f32> {
            let next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 40) as f32 / (1u32 << 23) as f32 - 1.0) * 0.3
            };
            std::iter::repeat_with(next).take(count).collect()
        };
        let all = (0..model.config.layers).flat_map(Part::linears);
        let adapted = all.filter(|part| targets.iter().any(|target| part.module().ends_with(target)));
        let values = adapted
            .map(|part| {
                let shape = part.shape(&model.config);
                (part, noise(RANK * shape[1]), noise(shape[0] * RANK))
            })
            .collect();
        Self { config: config(targets), values }
    }

    /// What the product is multiplied with.
    pub(crate) fn scale(&self) -> f32 {
        match self.config["use_rslora"] == json!(true) {
            true => ALPHA / (RANK as f32).sqrt(),
            false => ALPHA / RANK as f32,
        }
    }

    /// The base with the adapter multiplied out and added to its weights.
    pub(crate) fn merge_into(&self, model: &mut TinyModel) {
        for (part, a, b) in &self.values {
            let width = part.shape(&model.config)[1];
            let weights = &mut model.values.iter_mut().find(|(other, _)| other == part).unwrap().1;
            for (row, b) in weights.chunks_exact_mut(width).zip(b.chunks_exact(RANK)) {
                for (b, a) in b.iter().zip(a.chunks_exact(width)) {
                    row.iter_mut().zip(a).for_each(|(weight, a)| *weight += self.scale() * b * a);
                }
            }
        }
    }

    /// Tensors by the names that PEFT gives them.
    pub(crate) fn tensors(&self, model: &TinyModel) -> HashMap<String, Tensor> {
        let mut tensors = HashMap::new();
        for (part, a, b) in &self.values {
            let shape = part.shape(&model.config);
            let name = |letter: &str| format!("base_model.model.{}.lora_{letter}.weight", part.module());
            let tensor =
                |values: &Vec<f32>, shape| Tensor::from_vec(values.clone(), shape, &Device::Cpu).unwrap();
            tensors.insert(name("A"), tensor(a, (RANK, shape[1])));
            tensors.insert(name("B"), tensor(b, (shape[0], RANK)));
        }
        tensors
    }

    /// Writes both files and returns their paths: configuration, weights.
    pub(crate) fn write(&self, folder: &Path, model: &TinyModel) -> (PathBuf, PathBuf) {
        let (config, weights) =
            (folder.join("adapter_config.json"), folder.join("adapter_model.safetensors"));
        std::fs::write(&config, self.config.to_string()).unwrap();
        candle_core::safetensors::save(&self.tensors(model), &weights).unwrap();
        (config, weights)
    }
}

/// All keys that PEFT 0.17 writes.
fn config(targets: &[&str]) -> Value {
    json!({
        "alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "tiny", "bias": "none",
        "corda_config": null, "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false,
        "inference_mode": true, "init_lora_weights": true, "layer_replication": null,
        "layers_pattern": null, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": ALPHA,
        "lora_bias": false, "lora_dropout": 0.0, "megatron_config": null, "megatron_core": "megatron.core",
        "modules_to_save": null, "peft_type": "LORA", "qalora_group_size": 16, "r": RANK,
        "rank_pattern": {}, "revision": null, "target_modules": targets, "target_parameters": null,
        "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_dora": false,
        "use_qalora": false, "use_rslora": false
    })
}

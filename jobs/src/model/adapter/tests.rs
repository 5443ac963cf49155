//! Adapters on a tiny model: equal to merged weights, apart from each other in a batch, refused when wrong.

use std::collections::HashMap;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Tensor};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::model::linear::Precision;
use crate::model::tiny::TinyModel;
use crate::model::tiny_adapter::TinyAdapter;
use crate::model::{KvCache, LoadOptions, LoadedModel, ModelError, ModelFiles, Segment, load, load_with};

const ALL: [&str; 7] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const PROMPT: [u32; 9] = [1, 70, 71, 90, 75, 200, 33, 34, 35];

fn loaded(model: &TinyModel) -> LoadedModel {
    let folder = TempDir::new().unwrap();
    load(&model.write_gguf(folder.path(), GgmlDType::F32)).unwrap()
}

fn adapter(adapter: &TinyAdapter, model: &TinyModel) -> Result<Adapter, ModelError> {
    let folder = TempDir::new().unwrap();
    let (config, weights) = adapter.write(folder.path(), model);
    Adapter::load(&config, &weights, AdapterBase { config: &model.config, name: "tiny" })
}

/// Logits after each of some passes over the prompts' tokens, a prompt for each adapter.
fn logits(model: &LoadedModel, prompts: &[(&[u32], Option<&Adapter>)]) -> Vec<Vec<f32>> {
    let mut caches: Vec<KvCache> = prompts.iter().map(|_| KvCache::new(model.llama.config(), 16)).collect();
    let mut logits = vec![Vec::new(); prompts.len()];
    for range in [0..3, 3..4, 4..5] {
        let mut segments = Vec::new();
        for ((tokens, adapter), cache) in prompts.iter().zip(&mut caches) {
            segments.push(Segment { tokens: &tokens[range.clone()], cache, adapter: *adapter });
        }
        let rows = model.llama.forward(&mut segments).unwrap().to_vec2::<f32>().unwrap();
        logits.iter_mut().zip(rows).for_each(|(logits, row)| logits.extend(row));
    }
    logits
}

fn difference(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn an_adapter_answers_as_merged_weights_do() {
    let model = TinyModel::new(1, true);
    let base = loaded(&model);
    let plain = logits(&base, &[(&PROMPT, None)]);
    let kinds = ALL.chunks(1).chain([&ALL[..], &ALL[1..3], &["v_proj", "up_proj"]]);
    for (seed, targets) in kinds.enumerate() {
        for rank_stabilised in [false, true] {
            let mut tiny = TinyAdapter::new(seed as u64, &model, targets);
            tiny.config["use_rslora"] = json!(rank_stabilised);
            let mut merged = TinyModel::new(1, true);
            tiny.merge_into(&mut merged);
            let found = logits(&base, &[(&PROMPT, Some(&adapter(&tiny, &model).unwrap()))]);
            let expected = logits(&loaded(&merged), &[(&PROMPT, None)]);
            let distance = difference(&found[0], &expected[0]);
            assert!(distance < 1e-4, "{targets:?}: {distance}");
            assert!(difference(&found[0], &plain[0]) > 0.01, "{targets:?} changes nothing");
        }
    }
}

#[test]
fn rows_of_one_batch_have_their_own_adapters() {
    let model = TinyModel::new(2, false);
    let base = loaded(&model);
    let first = adapter(&TinyAdapter::new(3, &model, &ALL), &model).unwrap();
    let second = adapter(&TinyAdapter::new(4, &model, &["q_proj", "down_proj"]), &model).unwrap();
    let other: [u32; 9] = [1, 80, 81, 82, 83, 84, 85, 86, 87];
    let prompts: [(&[u32], Option<&Adapter>); 6] = [
        (&PROMPT, Some(&first)),
        (&PROMPT, None),
        (&other, Some(&second)),
        (&other, Some(&first)),
        (&PROMPT, Some(&second)),
        (&other, None),
    ];
    let together = logits(&base, &prompts);
    for (prompt, together) in prompts.iter().zip(&together) {
        let alone = logits(&base, std::slice::from_ref(prompt));
        assert!(difference(&alone[0], together) < 1e-5);
    }
    assert!(difference(&together[0], &together[1]) > 0.01);
    assert!(difference(&together[0], &together[4]) > 0.01);
}

#[test]
fn each_wanted_position_has_its_own_adapter() {
    let model = TinyModel::new(2, true);
    let base = loaded(&model);
    let first = adapter(&TinyAdapter::new(3, &model, &ALL), &model).unwrap();
    let second = adapter(&TinyAdapter::new(4, &model, &ALL), &model).unwrap();
    let forward = |adapters: &[Option<&Adapter>], wanted: &[u32]| {
        let mut caches: Vec<KvCache> = adapters.iter().map(|_| KvCache::new(&model.config, 16)).collect();
        let segments = caches.iter_mut().zip(adapters);
        let mut segments: Vec<Segment<'_>> =
            segments.map(|(cache, adapter)| Segment { tokens: &PROMPT, cache, adapter: *adapter }).collect();
        base.llama.forward_at(&mut segments, wanted).unwrap().to_vec2::<f32>().unwrap()
    };
    // Nine tokens each: one position of the first sequence, none of the second, two of the third.
    let together = forward(&[Some(&first), None, Some(&second)], &[8, 18, 26]);
    assert!(difference(&together[0], &forward(&[Some(&first)], &[8])[0]) < 1e-5);
    let alone = forward(&[Some(&second)], &[0, 8]);
    assert!(difference(&together[1], &alone[0]) < 1e-5);
    assert!(difference(&together[2], &alone[1]) < 1e-5);
}

#[test]
fn an_adapter_works_on_eight_bit_weights() {
    let model = TinyModel::new(5, true);
    let folder = TempDir::new().unwrap();
    let weights = model.write_gguf(folder.path(), GgmlDType::Q8_0);
    let files = ModelFiles { weights: weights.clone(), ..ModelFiles::default() };
    let small =
        load_with(&files, LoadOptions { weights: Precision::Q8_0, ..LoadOptions::default() }).unwrap();
    let adapter = adapter(&TinyAdapter::new(6, &model, &ALL), &model).unwrap();
    let prompts: [(&[u32], Option<&Adapter>); 1] = [(&PROMPT, Some(&adapter))];
    let found = logits(&small, &prompts);
    let expected = logits(&load(&weights).unwrap(), &prompts);
    assert!(difference(&found[0], &expected[0]) < 1e-3);
}

#[test]
fn half_precision_files_are_read() {
    let model = TinyModel::new(1, true);
    let tiny = TinyAdapter::new(7, &model, &ALL);
    let folder = TempDir::new().unwrap();
    let (config, weights) = tiny.write(folder.path(), &model);
    let half = |tensor: Tensor| tensor.to_dtype(DType::BF16).unwrap();
    let tensors: HashMap<String, Tensor> =
        tiny.tensors(&model).into_iter().map(|(name, tensor)| (name, half(tensor))).collect();
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    let base = loaded(&model);
    let read = base.load_adapter(&config, &weights, "org/Tiny").unwrap();
    let exact = adapter(&tiny, &model).unwrap();
    let found = logits(&base, &[(&PROMPT, Some(&read)), (&PROMPT, Some(&exact))]);
    let distance = difference(&found[0], &found[1]);
    assert!(distance > 0.0 && distance < 0.5, "{distance}");
}

#[test]
fn settings_that_cannot_be_followed_are_refused_in_words() {
    let model = TinyModel::new(1, true);
    let check = |key: &str, value: serde_json::Value, expected: &str| {
        let mut tiny = TinyAdapter::new(1, &model, &["q_proj"]);
        tiny.config[key] = value;
        let error = adapter(&tiny, &model).unwrap_err().to_string();
        assert!(error.contains(expected), "{key}: {error}");
    };
    check("peft_type", json!("IA3"), "`peft_type` is IA3; expected LORA");
    check("task_type", json!("SEQ_CLS"), "`task_type` is SEQ_CLS; expected CAUSAL_LM");
    check("use_dora", json!(true), "`use_dora` is true; expected nothing");
    check("bias", json!("all"), "`bias` is all; expected none");
    check("lora_bias", json!(true), "`lora_bias` is true");
    check("modules_to_save", json!(["lm_head"]), "`modules_to_save` is [\"lm_head\"]");
    check("rank_pattern", json!({"q_proj": 8}), "`rank_pattern` is {\"q_proj\":8}");
    check("init_lora_weights", json!("pissa"), "`init_lora_weights` is pissa");
    check("target_modules", json!(["lm_head"]), "`target_modules` is lm_head");
    check("target_modules", json!([]), "`target_modules` is without any match");
    check("target_modules", json!("(?!x)"), "a list of names or a regular expression");
    check("layers_to_transform", json!([0, 2]), "`layers_to_transform` is 2; expected less than 2");
    check("r", json!(0), "`r` is 0; expected 1 to");
    check("r", json!(-1), "adapter_config.json file is malformed");
    check("lora_alpha", json!(1e300), "`lora_alpha`");
    check(
        "base_model_name_or_path",
        json!("org/Large"),
        "the adapter was trained on `org/Large`, but the model is `tiny`",
    );
}

#[test]
fn tensors_that_do_not_fit_are_refused_in_words() {
    let model = TinyModel::new(1, true);
    let check = |change: fn(&mut TinyAdapter), expected: &str| {
        let mut tiny = TinyAdapter::new(1, &model, &["q_proj", "v_proj"]);
        change(&mut tiny);
        let error = adapter(&tiny, &model).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let name = "base_model.model.model.layers.1.self_attn.v_proj";
    check(|tiny| drop(tiny.values.pop()), &format!("tensor `{name}.lora_A.weight` is missing"));
    check(|tiny| tiny.values[3].1[5] = f32::NAN, &format!("tensor `{name}.lora_A.weight` has a value"));
    check(|tiny| tiny.values[3].2[5] = f32::INFINITY, &format!("tensor `{name}.lora_B.weight` has a value"));
    check(|tiny| tiny.config["r"] = json!(8), "has shape [4, 64]; expected [8, 64]");
    check(
        |tiny| tiny.config["target_modules"] = json!(["q_proj"]),
        "v_proj.lora_A.weight` belongs to none of the linear layers",
    );
}

#[test]
fn adapters_of_other_bases_are_refused() {
    let model = TinyModel::new(1, true);
    let tiny = TinyAdapter::new(1, &model, &ALL);
    let check = |change: fn(&mut TinyModel), expected: &str| {
        let mut other = TinyModel::new(1, true);
        change(&mut other);
        let folder = TempDir::new().unwrap();
        let (config, weights) = tiny.write(folder.path(), &model);
        let base = AdapterBase { config: &other.config, name: "tiny" };
        let error = Adapter::load(&config, &weights, base).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(|other| other.config.layers = 3, "layers.2.self_attn.q_proj.lora_A.weight` is missing");
    check(|other| other.config.layers = 1, "in the base's 1 blocks");
    check(|other| other.config.hidden = 128, "has shape [4, 64]; expected [4, 128]");
    check(|other| other.config.kv_heads = 4, "k_proj.lora_B.weight` has shape [32, 4]; expected [64, 4]");

    let base = loaded(&model);
    let mut shallow = TinyModel::new(1, true);
    shallow.config.layers = 1;
    let adapter = adapter(&TinyAdapter::new(1, &shallow, &ALL), &shallow).unwrap();
    let mut cache = KvCache::new(base.llama.config(), 4);
    let segment = Segment { tokens: &PROMPT[..1], cache: &mut cache, adapter: Some(&adapter) };
    let error = base.llama.forward(&mut [segment]).unwrap_err();
    assert!(matches!(error, ModelError::OtherSizes { index: 0 }), "{error}");
}

#[test]
fn cut_and_damaged_adapters_are_refused() {
    let model = TinyModel::new(1, true);
    let folder = TempDir::new().unwrap();
    let (config, weights) = TinyAdapter::new(1, &model, &ALL).write(folder.path(), &model);
    let (config, whole) = (std::fs::read_to_string(config).unwrap(), std::fs::read(weights).unwrap());
    let base = AdapterBase { config: &model.config, name: "tiny" };
    for length in (0..whole.len()).step_by(499) {
        Adapter::parse(&config, whole[..length].to_vec(), base).unwrap_err();
    }
    for length in 0..config.len() {
        Adapter::parse(&config[..length], whole.clone(), base).unwrap_err();
    }
    Adapter::parse(&config, whole, base).unwrap();
}

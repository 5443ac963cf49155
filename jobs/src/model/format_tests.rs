//! One model in many formats: separate files, shards, half precision, stretched positions, 8-bit weights.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use candle_core::{DType, Tensor};
use serde_json::json;
use tempfile::TempDir;

use super::rope::Rope;
use super::tiny::{self, TinyModel};
use super::*;

const PROMPT: [u32; 12] = [1, 70, 71, 90, 75, 200, 33, 34, 35, 36, 37, 38];
const SMALL: LoadOptions = LoadOptions { weights: Precision::Q8_0, device: DeviceChoice::Cpu };

fn logits(model: &LoadedModel) -> Vec<f32> {
    let mut cache = KvCache::new(model.llama.config(), PROMPT.len());
    let segment = Segment { tokens: &PROMPT, cache: &mut cache, adapter: None };
    model.llama.forward(&mut [segment]).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The distance of two answers, as a share of the first one's size.
fn distance(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    let length =
        |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    length(&mut left.iter().zip(right).map(|(a, b)| a - b)) / length(&mut left.iter().copied())
}

fn files(weights: &Path, files: BTreeMap<String, PathBuf>) -> ModelFiles {
    ModelFiles { weights: weights.to_owned(), files }
}

fn load_error(model: &ModelFiles) -> String {
    load_with(model, LoadOptions::default()).unwrap_err().to_string()
}

/// Writes the model's folder with two shards and their index instead of one file; returns the shards' names.
fn write_shards(model: &TinyModel, folder: &Path) -> [String; 2] {
    model.write_folder(folder);
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    let names = [1, 2].map(|i| format!("model-0000{i}-of-00002.safetensors"));
    let mut shards = [HashMap::new(), HashMap::new()];
    let mut map = serde_json::Map::new();
    for (name, tensor) in model.tensors() {
        let shard = usize::from(name.contains("layers.1") || name.contains("norm"));
        map.insert(name.clone(), names[shard].clone().into());
        shards[shard].insert(name, tensor);
    }
    for (name, shard) in names.iter().zip(&shards) {
        candle_core::safetensors::save(shard, folder.join(name)).unwrap();
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    std::fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    names
}

#[test]
fn files_that_lie_apart_make_the_same_model() {
    let folder = TempDir::new().unwrap();
    TinyModel::new(7, false).write_folder(folder.path());
    let expected = logits(&load(folder.path()).unwrap());
    let apart = TempDir::new().unwrap();
    let mut given = BTreeMap::new();
    for (i, name) in ["config.json", "tokenizer.json", "tokenizer_config.json"].iter().enumerate() {
        let path = apart.path().join(format!("{i}"));
        std::fs::rename(folder.path().join(name), &path).unwrap();
        given.insert((*name).to_owned(), path);
    }
    let weights = apart.path().join("weights");
    std::fs::rename(folder.path().join("model.safetensors"), &weights).unwrap();
    let model = load_with(&files(&weights, given.clone()), LoadOptions::default()).unwrap();
    assert_eq!(logits(&model), expected);
    given.remove("tokenizer.json");
    let error = load_error(&files(&weights, given));
    assert!(error.starts_with("the model's files have no `tokenizer.json`"), "{error}");
}

#[test]
fn shards_make_the_same_model() {
    let whole = TempDir::new().unwrap();
    let tiny = TinyModel::new(7, false);
    tiny.write_folder(whole.path());
    let expected = logits(&load(whole.path()).unwrap());
    let folder = TempDir::new().unwrap();
    let names = write_shards(&tiny, folder.path());
    let path = |name: &str| folder.path().join(name);
    assert_eq!(logits(&load(folder.path()).unwrap()), expected);
    assert_eq!(logits(&load(&path(&names[1])).unwrap()), expected);
    let given = ["config.json", "tokenizer.json", "tokenizer_config.json", names[1].as_str()];
    let given = given.iter().map(|name| ((*name).to_owned(), path(name))).collect();
    let model = load_with(&files(&path(&names[0]), given), LoadOptions::default()).unwrap();
    assert_eq!(logits(&model), expected);
}

#[test]
fn shards_that_do_not_fit_together_are_refused() {
    let folder = TempDir::new().unwrap();
    let names = write_shards(&TinyModel::new(7, false), folder.path());
    let (first, second) = (folder.path().join(&names[0]), folder.path().join(&names[1]));
    let index = folder.path().join("model.safetensors.index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    let model = files(folder.path(), BTreeMap::new());
    let check = |expected: &str| {
        let error = load_error(&model);
        assert!(error.contains(expected), "{error}");
    };
    std::fs::write(&index, text.replace(&names[1], "../other.safetensors")).unwrap();
    check("\"../other.safetensors\" is no file name");
    std::fs::write(&index, "{}").unwrap();
    check("it has no `weight_map`");
    std::fs::write(&index, text.replace(&names[1], &names[0])).unwrap();
    check("is missing");
    std::fs::write(&index, &text).unwrap();
    std::fs::copy(&first, &second).unwrap();
    check("is in two files");
    std::fs::remove_file(&second).unwrap();
    check("cannot read");
}

#[test]
fn half_precision_is_read_and_whole_numbers_are_refused() {
    let folder = TempDir::new().unwrap();
    let tiny = TinyModel::new(3, true);
    tiny.write_folder(folder.path());
    let expected = logits(&load(folder.path()).unwrap());
    let save = |dtype: DType| {
        let tensors: HashMap<String, Tensor> = tiny
            .tensors()
            .into_iter()
            .map(|(name, tensor)| (name, tensor.to_dtype(dtype).unwrap()))
            .collect();
        candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    };
    for (dtype, tolerance) in [(DType::F16, 0.005), (DType::BF16, 0.05), (DType::F64, 1e-6)] {
        save(dtype);
        let found = distance(&expected, &logits(&load(folder.path()).unwrap()));
        assert!(found < tolerance, "{dtype:?}: {found}");
    }
    save(DType::U8);
    let error = load_error(&files(folder.path(), BTreeMap::new()));
    assert!(error.contains("holds U8; expected F32, F16 or BF16"), "{error}");
}

#[test]
fn eight_bit_weights_stay_near_for_tied_and_own_heads() {
    for tied in [true, false] {
        let folder = TempDir::new().unwrap();
        let tiny = TinyModel::new(3, tied);
        let weights = tiny.write_gguf(folder.path(), GgmlDType::Q8_0);
        let expected = logits(&load(&weights).unwrap());
        let small = load_with(&files(&weights, BTreeMap::new()), SMALL).unwrap();
        // The file's own weights are kept as they are: only the order of the sums differs.
        let found = distance(&expected, &logits(&small));
        assert!(found < 1e-5, "tied {tied}: {found}");
        tiny.write_folder(folder.path());
        let small = load_with(&files(folder.path(), BTreeMap::new()), SMALL).unwrap();
        let found = distance(&expected, &logits(&small));
        assert!(found < 1e-5, "tied {tied}, from floats: {found}");
    }
}

#[test]
fn weights_stay_as_stored_where_that_rounds_nothing() {
    let folder = TempDir::new().unwrap();
    let tiny = TinyModel::new(3, true);
    for dtype in
        [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1, GgmlDType::Q8_0, GgmlDType::F16]
    {
        let weights = tiny.write_gguf(folder.path(), dtype);
        let expected = logits(&load(&weights).unwrap());
        let options = LoadOptions { weights: Precision::AsStored, ..LoadOptions::default() };
        let stored = load_with(&files(&weights, BTreeMap::new()), options).unwrap();
        let found = distance(&expected, &logits(&stored));
        assert!(found < 1e-5, "{dtype:?}: {found}");
    }
}

#[test]
fn linear_scaling_reads_positions_between() {
    let config = tiny::config();
    let (plain, stretched) = (Rope::new(&config, None, 40), Rope::new(&config, Some(&[4.0; 8]), 40));
    let source: Vec<f32> = (0..16).map(|i| (i as f32).sin()).collect();
    for position in 0..10 {
        let (mut expected, mut found) = ([0.0; 16], [0.0; 16]);
        plain.rotate(position, &source, &mut expected);
        stretched.rotate(4 * position, &source, &mut found);
        assert!(distance(&expected, &found) < 1e-5);
    }
}

#[test]
fn both_formats_scale_positions_alike() {
    let tiny = TinyModel::new(9, true);
    let folder = TempDir::new().unwrap();
    let plain = logits(&load(&tiny.write_gguf(folder.path(), GgmlDType::F32)).unwrap());
    let from_config = |scaling: serde_json::Value| {
        tiny.write_folder(folder.path());
        let mut config = tiny.config_json();
        config["rope_scaling"] = scaling;
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        logits(&load(folder.path()).unwrap())
    };

    let linear = from_config(json!({"rope_type": "linear", "factor": 4.0}));
    assert!(distance(&plain, &linear) > 0.01);
    let text = |text: &str| Value::String(text.to_owned());
    let named = tiny.write_gguf_with(folder.path(), GgmlDType::F32, |metadata| {
        metadata.push(("llama.rope.scaling.type", text("linear")));
        metadata.push(("llama.rope.scaling.factor", Value::F32(4.0)));
    });
    assert_eq!(logits(&load(&named).unwrap()), linear);
    let old = tiny.write_gguf_with(folder.path(), GgmlDType::F32, |metadata| {
        metadata.push(("llama.rope.scale_linear", Value::F32(4.0)));
    });
    assert_eq!(logits(&load(&old).unwrap()), linear);

    let llama3 = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64});
    let found = from_config(llama3);
    let mut with_factors = TinyModel::new(9, true);
    // 64 positions, base 10,000, 16 wide: by the published rule.
    with_factors.rope_factors = Some(published_factors());
    let expected = logits(&load(&with_factors.write_gguf(folder.path(), GgmlDType::F32)).unwrap());
    assert!(distance(&expected, &found) < 1e-5);
    assert!(distance(&plain, &found) > 0.01);
}

/// Llama 3.1's rule as its release states it, in wavelengths.
fn published_factors() -> Vec<f32> {
    let (factor, low, high, original) = (8.0, 1.0, 4.0, 64.0);
    let factor_of = |i: i32| {
        let wave = std::f64::consts::TAU * 10_000f64.powf(f64::from(2 * i) / 16.0);
        let smooth = (original / wave - low) / (high - low);
        match wave {
            _ if wave < original / high => 1.0,
            _ if wave > original / low => factor,
            _ => 1.0 / ((1.0 - smooth) / factor + smooth),
        }
    };
    (0..8).map(|i| factor_of(i) as f32).collect()
}

#[test]
fn a_template_in_its_own_file_or_in_a_list_is_found() {
    let folder = TempDir::new().unwrap();
    TinyModel::new(1, true).write_folder(folder.path());
    let rendered = || load(folder.path()).map(|model| model.chat.render(&[]).unwrap());
    let settings = |template: serde_json::Value| {
        let settings = json!({"chat_template": template, "bos_token": "<|im_start|>"});
        std::fs::write(folder.path().join("tokenizer_config.json"), settings.to_string()).unwrap();
    };
    settings(json!([{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]));
    assert_eq!(rendered().unwrap(), "D");
    settings(json!([{"name": "tool_use", "template": "T"}]));
    assert!(rendered().unwrap_err().to_string().contains("`chat_template.jinja`"));
    std::fs::write(folder.path().join("chat_template.jinja"), "own {{ bos_token }}").unwrap();
    assert_eq!(rendered().unwrap(), "own <|im_start|>");
}

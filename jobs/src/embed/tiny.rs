//! A very small random BERT for tests, written as a folder, and the network's formula word for word.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};

use super::config::BertConfig;

/// Longest text of the settings that [`TinyBert::write`] leaves.
pub(crate) const MAX_TOKENS: usize = 24;
const MARKS: [&str; 4] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
const WORDS: [&str; 6] = ["the", "key", "park", "##ing", "pay", "day"];

pub(crate) fn config() -> BertConfig {
    BertConfig {
        vocabulary: MARKS.len() + WORDS.len() + 2 * 26 + 10,
        hidden: 48,
        intermediate: 40,
        layers: 2,
        heads: 3,
        positions: 32,
        segments: 2,
        norm_epsilon: 1e-12,
    }
}

/// The weights of an encoder by their names in the file, with their shapes.
pub(crate) struct TinyBert {
    pub(crate) config: BertConfig,
    pub(crate) tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl TinyBert {
    pub(crate) fn new(seed: u64) -> Self {
        let config = config();
        let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
        };
        let tensors = shapes(&config).into_iter().map(|(name, shape)| {
            let scale = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            let count = shape.iter().product();
            let values = (0..count).map(|_| scale + 0.4 * next()).collect();
            (name, (shape, values))
        });
        Self { tensors: tensors.collect(), config }
    }

    /// One tensor's values.
    pub(crate) fn get(&self, name: &str) -> &[f32] {
        &self.tensors[name].1
    }

    /// Writes the four files that an encoder is loaded from.
    pub(crate) fn write(&self, folder: &Path) {
        let tensors: HashMap<&String, Tensor> = self
            .tensors
            .iter()
            .map(|(name, (shape, values))| {
                (name, Tensor::from_vec(values.clone(), shape.as_slice(), &Device::Cpu).unwrap())
            })
            .collect();
        candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
        std::fs::write(folder.join("config.json"), self.config_json()).unwrap();
        std::fs::write(folder.join("tokenizer.json"), tokenizer_json()).unwrap();
        let settings = serde_json::json!({"max_seq_length": MAX_TOKENS, "do_lower_case": false});
        std::fs::write(folder.join("sentence_bert_config.json"), settings.to_string()).unwrap();
    }

    fn config_json(&self) -> String {
        let c = &self.config;
        serde_json::json!({
            "model_type": "bert", "vocab_size": c.vocabulary, "hidden_size": c.hidden,
            "intermediate_size": c.intermediate, "num_hidden_layers": c.layers,
            "num_attention_heads": c.heads, "max_position_embeddings": c.positions,
            "type_vocab_size": c.segments, "layer_norm_eps": c.norm_epsilon, "hidden_act": "gelu",
        })
        .to_string()
    }

    /// A text's vector by the formulas, with 64-bit floats, one token after another.
    pub(crate) fn formula(&self, tokens: &[u32]) -> Vec<f64> {
        let width = self.config.hidden;
        let row = |name: &str, index: usize| wide(&self.get(name)[index * width..][..width]);
        let embedded = tokens.iter().enumerate().map(|(position, token)| {
            let word = row("embeddings.word_embeddings.weight", *token as usize);
            let position = row("embeddings.position_embeddings.weight", position);
            let segment = row("embeddings.token_type_embeddings.weight", 0);
            self.norm("embeddings.LayerNorm", &add(&add(&word, &position), &segment))
        });
        let mut hidden: Vec<Vec<f64>> = embedded.collect();
        for layer in 0..self.config.layers {
            hidden = self.layer(&format!("encoder.layer.{layer}"), &hidden);
        }
        let sum = hidden.iter().fold(vec![0.0; width], |sum, token| add(&sum, token));
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        sum.iter().map(|value| value / length).collect()
    }

    fn layer(&self, name: &str, hidden: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let project = |part: &str| -> Vec<Vec<f64>> {
            hidden.iter().map(|token| self.linear(&format!("{name}.attention.self.{part}"), token)).collect()
        };
        let (queries, keys, values) = (project("query"), project("key"), project("value"));
        let finish = |(token, query): (&Vec<f64>, &Vec<f64>)| {
            let mixed = self.attend(query, &keys, &values);
            let output = self.linear(&format!("{name}.attention.output.dense"), &mixed);
            let token = self.norm(&format!("{name}.attention.output.LayerNorm"), &add(token, &output));
            let inner = self.linear(&format!("{name}.intermediate.dense"), &token);
            let active: Vec<f64> = inner.into_iter().map(gelu).collect();
            let output = self.linear(&format!("{name}.output.dense"), &active);
            self.norm(&format!("{name}.output.LayerNorm"), &add(&token, &output))
        };
        hidden.iter().zip(&queries).map(finish).collect()
    }

    fn attend(&self, query: &[f64], keys: &[Vec<f64>], values: &[Vec<f64>]) -> Vec<f64> {
        let size = self.config.head_dim();
        let mut mixed = Vec::new();
        for head in (0..self.config.hidden).step_by(size) {
            let score = |key: &Vec<f64>| {
                let dot: f64 = (head..head + size).map(|i| query[i] * key[i]).sum();
                (dot / (size as f64).sqrt()).exp()
            };
            let weights: Vec<f64> = keys.iter().map(score).collect();
            let total: f64 = weights.iter().sum();
            let value = |i: usize| -> f64 { weights.iter().zip(values).map(|(w, v)| w * v[i] / total).sum() };
            mixed.extend((head..head + size).map(value));
        }
        mixed
    }

    fn linear(&self, name: &str, input: &[f64]) -> Vec<f64> {
        let weight = self.get(&format!("{name}.weight")).chunks_exact(input.len());
        let rows = weight.zip(self.get(&format!("{name}.bias")));
        let dot = |row: &[f32]| -> f64 { wide(row).iter().zip(input).map(|(a, b)| a * b).sum() };
        rows.map(|(row, bias)| dot(row) + f64::from(*bias)).collect()
    }

    fn norm(&self, name: &str, input: &[f64]) -> Vec<f64> {
        let mean = input.iter().sum::<f64>() / input.len() as f64;
        let variance = input.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / input.len() as f64;
        let scale = wide(self.get(&format!("{name}.weight")));
        let shift = wide(self.get(&format!("{name}.bias")));
        let normal = input.iter().map(|value| (value - mean) / (variance + 1e-12).sqrt());
        normal.zip(scale).zip(shift).map(|((value, scale), shift)| value * scale + shift).collect()
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

fn add(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).map(|(a, b)| a + b).collect()
}

/// GELU with the error function by its Taylor series, which 64-bit floats carry well up to 4.
pub(crate) fn gelu(x: f64) -> f64 {
    let z = x / std::f64::consts::SQRT_2;
    let (mut term, mut total) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        total += term / f64::from(2 * n + 1);
    }
    0.5 * x * (1.0 + total * std::f64::consts::FRAC_2_SQRT_PI)
}

fn shapes(c: &BertConfig) -> Vec<(String, Vec<usize>)> {
    let matrix = |name: &str, rows: usize, columns: usize| (name.to_owned(), vec![rows, columns]);
    let mut shapes = vec![
        matrix("embeddings.word_embeddings.weight", c.vocabulary, c.hidden),
        matrix("embeddings.position_embeddings.weight", c.positions, c.hidden),
        matrix("embeddings.token_type_embeddings.weight", c.segments, c.hidden),
    ];
    let mut norms = vec!["embeddings".to_owned()];
    for i in 0..c.layers {
        let layer = format!("encoder.layer.{i}");
        let linear = [
            ("attention.self.query", c.hidden, c.hidden),
            ("attention.self.key", c.hidden, c.hidden),
            ("attention.self.value", c.hidden, c.hidden),
            ("attention.output.dense", c.hidden, c.hidden),
            ("intermediate.dense", c.intermediate, c.hidden),
            ("output.dense", c.hidden, c.intermediate),
        ];
        for (part, rows, columns) in linear {
            shapes.push(matrix(&format!("{layer}.{part}.weight"), rows, columns));
            shapes.push((format!("{layer}.{part}.bias"), vec![rows]));
        }
        norms.extend([format!("{layer}.attention.output"), format!("{layer}.output")]);
    }
    for norm in norms {
        shapes.push((format!("{norm}.LayerNorm.weight"), vec![c.hidden]));
        shapes.push((format!("{norm}.LayerNorm.bias"), vec![c.hidden]));
    }
    shapes
}

fn vocabulary() -> Vec<String> {
    let mut tokens: Vec<String> = MARKS.iter().chain(&WORDS).map(|token| (*token).to_owned()).collect();
    tokens.extend(('a'..='z').map(String::from));
    tokens.extend(('a'..='z').map(|letter| format!("##{letter}")));
    tokens.extend(('0'..='9').map(String::from));
    tokens
}

/// Pads and cuts to 7 tokens, as published files do with their training's length.
fn tokenizer_json() -> String {
    let ids: serde_json::Map<String, serde_json::Value> =
        vocabulary().into_iter().enumerate().map(|(id, token)| (token, id.into())).collect();
    let marks: Vec<_> = MARKS
        .iter()
        .enumerate()
        .map(|(id, token)| {
            serde_json::json!({"id": id, "content": token, "special": true, "normalized": false,
                "lstrip": false, "rstrip": false, "single_word": false})
        })
        .collect();
    let mark = |token: &str| serde_json::json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = serde_json::json!({"Sequence": {"id": "A", "type_id": 0}});
    serde_json::json!({
        "version": "1.0", "added_tokens": marks, "decoder": null,
        "truncation": {"max_length": 7, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 7}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"},
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [mark("[CLS]"), text, mark("[SEP]")],
            "pair": [mark("[CLS]"), text, mark("[SEP]")],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids},
    })
    .to_string()
}

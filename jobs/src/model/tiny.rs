//! A very small random Llama for tests, written as GGUF and as a Hugging Face folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::config::LlamaConfig;
use super::weights::Part;

pub(crate) const TEMPLATE: &str = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const MERGES: [(&str, &str); 4] = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n")];

pub(crate) fn config() -> LlamaConfig {
    LlamaConfig {
        vocabulary: SPECIAL.len() + 256 + MERGES.len(),
        hidden: 64,
        intermediate: 96,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        rope_base: 10_000.0,
        norm_epsilon: 1e-5,
        context: 512,
    }
}

/// Writes a very small random model as GGUF into a folder and gives the file. Another seed gives other weights.
#[cfg(feature = "test-model")]
pub fn write_tiny_model(folder: &Path, seed: u64) -> PathBuf {
    TinyModel::new(seed, true).write_gguf(folder, GgmlDType::Q8_0)
}

/// The weights of a model, by part, in half-rotation order.
pub(crate) struct TinyModel {
    pub(crate) config: LlamaConfig,
    pub(crate) tied: bool,
    pub(crate) values: Vec<(Part, Vec<f32>)>,
    /// Written into GGUF files as `rope_freqs.weight`.
    pub(crate) rope_factors: Option<Vec<f32>>,
}

impl TinyModel {
    pub(crate) fn new(seed: u64, tied: bool) -> Self {
        let config = config();
        let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
        };
        let values = parts(&config, tied)
            .into_iter()
            .map(|part| {
                let shape = part.shape(&config);
                let (count, matrix) = (shape.iter().product(), shape.len() == 2);
                (part, (0..count).map(|_| if matrix { next() * 0.35 } else { 1.0 + 0.1 * next() }).collect())
            })
            .collect();
        Self { config, tied, values, rope_factors: None }
    }

    pub(crate) fn set(&mut self, part: Part, index: usize, value: f32) {
        let found = self.values.iter_mut().find(|(p, _)| *p == part).unwrap();
        found.1[index] = value;
    }

    /// Writes a GGUF file with matrices of this type and returns its path.
    pub(crate) fn write_gguf(&self, folder: &Path, dtype: GgmlDType) -> PathBuf {
        self.write_gguf_with(folder, dtype, |_| {})
    }

    /// As [`Self::write_gguf`], after a change of the metadata.
    pub(crate) fn write_gguf_with(
        &self,
        folder: &Path,
        dtype: GgmlDType,
        change: impl FnOnce(&mut Vec<(&'static str, Value)>),
    ) -> PathBuf {
        let mut metadata = self.metadata();
        change(&mut metadata);
        let mut tensors: Vec<(String, QTensor)> =
            self.values.iter().map(|(part, v)| self.gguf_tensor(*part, v, dtype)).collect();
        if let Some(factors) = &self.rope_factors {
            let tensor = Tensor::new(factors.as_slice(), &Device::Cpu).unwrap();
            let tensor = QTensor::quantize(&tensor, GgmlDType::F32).unwrap();
            tensors.push(("rope_freqs.weight".to_owned(), tensor));
        }
        let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (*k, v)).collect();
        let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let mut bytes = std::io::Cursor::new(Vec::new());
        gguf_file::write(&mut bytes, &metadata, &tensors).unwrap();
        let path = folder.join("tiny.gguf");
        std::fs::write(&path, bytes.into_inner()).unwrap();
        path
    }

    fn gguf_tensor(&self, part: Part, values: &[f32], dtype: GgmlDType) -> (String, QTensor) {
        let c = &self.config;
        let values = match part {
            Part::Query(_) | Part::Key(_) => interleave(values, c.hidden, c.head_dim),
            _ => values.to_vec(),
        };
        let shape = part.shape(c);
        let dtype = if shape.len() == 2 { dtype } else { GgmlDType::F32 };
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        (gguf_name(part), QTensor::quantize(&tensor, dtype).unwrap())
    }

    fn metadata(&self) -> Vec<(&'static str, Value)> {
        let c = &self.config;
        let text = |s: &str| Value::String(s.to_owned());
        let number = |n: usize| Value::U32(n as u32);
        let kinds = (0..c.vocabulary).map(|i| Value::I32(if i < SPECIAL.len() { 3 } else { 1 })).collect();
        let merges = MERGES.iter().map(|(a, b)| Value::String(format!("{a} {b}"))).collect();
        vec![
            ("general.architecture", text("llama")),
            ("llama.block_count", number(c.layers)),
            ("llama.context_length", number(c.context)),
            ("llama.embedding_length", number(c.hidden)),
            ("llama.feed_forward_length", number(c.intermediate)),
            ("llama.attention.head_count", number(c.heads)),
            ("llama.attention.head_count_kv", number(c.kv_heads)),
            ("llama.rope.freq_base", Value::F32(c.rope_base)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(c.norm_epsilon as f32)),
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text("smollm")),
            ("tokenizer.ggml.tokens", Value::Array(tokens().into_iter().map(Value::String).collect())),
            ("tokenizer.ggml.token_type", Value::Array(kinds)),
            ("tokenizer.ggml.merges", Value::Array(merges)),
            ("tokenizer.ggml.bos_token_id", Value::U32(1)),
            ("tokenizer.ggml.eos_token_id", Value::U32(2)),
            ("tokenizer.chat_template", text(TEMPLATE)),
        ]
    }

    /// Writes `model.safetensors`, `config.json`, `tokenizer.json` and `tokenizer_config.json`.
    pub(crate) fn write_folder(&self, folder: &Path) {
        candle_core::safetensors::save(&self.tensors(), folder.join("model.safetensors")).unwrap();
        std::fs::write(folder.join("config.json"), self.config_json().to_string()).unwrap();
        std::fs::write(folder.join("tokenizer.json"), tokenizer_json()).unwrap();
        let settings = serde_json::json!({"chat_template": TEMPLATE, "bos_token": SPECIAL[1],
            "eos_token": {"content": SPECIAL[2]}});
        std::fs::write(folder.join("tokenizer_config.json"), settings.to_string()).unwrap();
    }

    /// The weights by their names in Hugging Face's layout.
    pub(crate) fn tensors(&self) -> HashMap<String, Tensor> {
        let tensor = |(part, values): &(Part, Vec<f32>)| {
            let tensor = Tensor::from_vec(values.clone(), part.shape(&self.config), &Device::Cpu).unwrap();
            (part.module() + ".weight", tensor)
        };
        self.values.iter().map(tensor).collect()
    }

    /// The contents of `config.json`.
    pub(crate) fn config_json(&self) -> serde_json::Value {
        let c = &self.config;
        serde_json::json!({
            "model_type": "llama", "vocab_size": c.vocabulary, "hidden_size": c.hidden,
            "intermediate_size": c.intermediate, "num_hidden_layers": c.layers, "num_attention_heads": c.heads,
            "num_key_value_heads": c.kv_heads, "rope_theta": c.rope_base, "rms_norm_eps": c.norm_epsilon,
            "max_position_embeddings": c.context, "tie_word_embeddings": self.tied, "eos_token_id": [2],
        })
    }
}

fn parts(c: &LlamaConfig, tied: bool) -> Vec<Part> {
    let mut parts = vec![Part::Embedding, Part::Norm];
    parts.extend((!tied).then_some(Part::Head));
    for i in 0..c.layers {
        parts.extend([Part::AttentionNorm(i), Part::Query(i), Part::Key(i), Part::Value(i)]);
        parts.extend([
            Part::AttentionOutput(i),
            Part::FeedForwardNorm(i),
            Part::Gate(i),
            Part::Up(i),
            Part::Down(i),
        ]);
    }
    parts
}

/// The order in which llama.cpp's converter writes query and key rows.
fn interleave(rows: &[f32], width: usize, head_dim: usize) -> Vec<f32> {
    let half = head_dim / 2;
    let mut output = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(head_dim * width) {
        for i in 0..half {
            output.extend_from_slice(&head[i * width..][..width]);
            output.extend_from_slice(&head[(half + i) * width..][..width]);
        }
    }
    output
}

fn tokens() -> Vec<String> {
    let mut letters: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    letters.sort_unstable();
    let mut tokens: Vec<String> = SPECIAL.iter().map(|s| (*s).to_owned()).collect();
    tokens.extend(letters.iter().map(char::to_string));
    tokens.extend(MERGES.iter().map(|(a, b)| format!("{a}{b}")));
    tokens
}

fn tokenizer_json() -> String {
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        tokens().into_iter().enumerate().map(|(id, token)| (token, id.into())).collect();
    let merges: Vec<[&str; 2]> = MERGES.iter().map(|(a, b)| [*a, *b]).collect();
    let added: Vec<_> = SPECIAL
        .iter()
        .enumerate()
        .map(|(id, token)| {
            serde_json::json!({"id": id, "content": token, "special": true, "normalized": false,
                "lstrip": false, "rstrip": false, "single_word": false})
        })
        .collect();
    serde_json::json!({
        "version": "1.0", "added_tokens": added, "normalizer": null, "post_processor": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges},
    })
    .to_string()
}

fn gguf_name(part: Part) -> String {
    let (layer, name) = match part {
        Part::Embedding => return "token_embd.weight".into(),
        Part::Norm => return "output_norm.weight".into(),
        Part::Head => return "output.weight".into(),
        Part::AttentionNorm(i) => (i, "attn_norm"),
        Part::Query(i) => (i, "attn_q"),
        Part::Key(i) => (i, "attn_k"),
        Part::Value(i) => (i, "attn_v"),
        Part::AttentionOutput(i) => (i, "attn_output"),
        Part::FeedForwardNorm(i) => (i, "ffn_norm"),
        Part::Gate(i) => (i, "ffn_gate"),
        Part::Up(i) => (i, "ffn_up"),
        Part::Down(i) => (i, "ffn_down"),
    };
    format!("blk.{layer}.{name}.weight")
}

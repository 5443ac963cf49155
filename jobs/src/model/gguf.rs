//! Reads a GGUF file (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};

use super::config::{DEFAULT_ROPE_BASE, LlamaConfig, field};
use super::error::ModelError;
use super::gguf_limits;
use super::q8::{RUN, Run, from_ggml};
use super::rope_scaling::RopeScaling;
use super::safetensors::finite;
use super::weights::{Part, TensorSource};

/// A header longer than this is refused: real ones hold a vocabulary and take a few megabytes.
const MAX_HEADER: usize = 32 << 20;
const MAX_DIMENSION: usize = 1 << 28;

/// A GGUF file in memory with its parsed header.
pub(crate) struct GgufFile {
    bytes: Vec<u8>,
    content: Content,
    config: LlamaConfig,
}

impl GgufFile {
    /// Parses the header and the sizes.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, ModelError> {
        let content = parse_header(&bytes)?;
        let metadata = Metadata(&content);
        let config = llama_config(&metadata)?;
        Ok(Self { bytes, content, config })
    }

    /// The header's key and value pairs.
    pub(crate) fn metadata(&self) -> Metadata<'_> {
        Metadata(&self.content)
    }

    /// One tensor and its bytes, checked against the file's size.
    fn check(&self, name: &str, expected: &[usize]) -> Result<(&TensorInfo, &[u8]), ModelError> {
        let missing = || ModelError::MissingTensor { tensor: name.to_owned() };
        let info = self.content.tensor_infos.get(name).ok_or_else(missing)?;
        let found = info.shape.dims();
        if found != expected {
            return Err(ModelError::Shape {
                tensor: name.to_owned(),
                found: found.to_vec(),
                expected: expected.to_vec(),
            });
        }
        let row = expected.last().copied().unwrap_or(0);
        if !row.is_multiple_of(info.ggml_dtype.block_size()) {
            return Err(field(
                name,
                format!("{row} wide"),
                format!("a multiple of {}", info.ggml_dtype.block_size()),
            ));
        }
        let length = info.shape.elem_count() / info.ggml_dtype.block_size() * info.ggml_dtype.type_size();
        let start = self.content.tensor_data_offset.saturating_add(info.offset);
        let end = start.saturating_add(length as u64);
        match self.bytes.get(start as usize..end as usize) {
            Some(bytes) => Ok((info, bytes)),
            None => {
                let size = self.bytes.len() as u64;
                Err(ModelError::Truncated { tensor: name.to_owned(), end, size })
            }
        }
    }

    fn values(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let (info, _) = self.check(name, expected)?;
        let mut reader = Cursor::new(self.bytes.as_slice());
        let quantized = info.read(&mut reader, self.content.tensor_data_offset, &Device::Cpu)?;
        Ok(quantized.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()?)
    }
}

impl TensorSource for GgufFile {
    fn config(&self) -> &LlamaConfig {
        &self.config
    }

    fn has_head(&self) -> bool {
        self.content.tensor_infos.contains_key("output.weight")
    }

    fn rope_factors(&self) -> Result<Option<Vec<f32>>, ModelError> {
        const NAME: &str = "rope_freqs.weight";
        let linear = rope_scaling(&self.metadata())?.factors(&self.config);
        if !self.content.tensor_infos.contains_key(NAME) {
            return Ok(linear);
        }
        let mut factors = finite(self.values(NAME, &[self.config.head_dim / 2])?, NAME)?;
        if let Some(factor) = factors.iter().find(|factor| **factor <= 0.0) {
            return Err(field(NAME, factor, "positive numbers"));
        }
        if let Some(linear) = linear {
            factors.iter_mut().zip(linear).for_each(|(factor, linear)| *factor *= linear);
        }
        Ok(Some(factors))
    }

    fn read(&self, part: Part) -> Result<Vec<f32>, ModelError> {
        let values = self.values(&self.name(part), &part.shape(&self.config))?;
        match part {
            Part::Query(_) | Part::Key(_) => {
                Ok(half_rotation(&values, self.config.hidden, self.config.head_dim))
            }
            _ => Ok(values),
        }
    }

    fn runs(&self, part: Part) -> Result<Option<Vec<Run>>, ModelError> {
        let (info, bytes) = self.check(&self.name(part), &part.shape(&self.config))?;
        let Some(runs) = from_ggml(info.ggml_dtype, bytes) else {
            return Ok(None);
        };
        match part {
            Part::Query(_) | Part::Key(_) => {
                Ok(Some(half_rotation(&runs, self.config.hidden / RUN, self.config.head_dim)))
            }
            _ => Ok(Some(runs)),
        }
    }

    fn name(&self, part: Part) -> String {
        let (layer, name) = match part {
            Part::Embedding => return "token_embd.weight".to_owned(),
            Part::Norm => return "output_norm.weight".to_owned(),
            Part::Head => return "output.weight".to_owned(),
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
}

/// Undoes, for rows of `width` values, the row order that GGUF uses for interleaved rotation: row `2 i + j` of a head goes to `j * half + i`.
fn half_rotation<T: Copy>(rows: &[T], width: usize, head_dim: usize) -> Vec<T> {
    let half = head_dim / 2;
    let mut ordered = Vec::with_capacity(rows.len());
    for head in rows.chunks_exact(head_dim * width) {
        for row in 0..head_dim {
            let source = 2 * (row % half) + row / half;
            ordered.extend_from_slice(&head[source * width..][..width]);
        }
    }
    ordered
}

fn parse_header(bytes: &[u8]) -> Result<Content, ModelError> {
    let header = &bytes[..bytes.len().min(MAX_HEADER)];
    gguf_limits::check(header).map_err(malformed)?;
    let mut header = Cursor::new(header);
    // The parser divides by the file's alignment, which a damaged file may say to be zero.
    let parsed = catch_unwind(AssertUnwindSafe(|| Content::read(&mut header)));
    let content = match parsed {
        Ok(Ok(content)) => content,
        Ok(Err(error)) => return Err(malformed(error.to_string())),
        Err(_) => return Err(malformed("it holds an impossible number".to_owned())),
    };
    for (name, info) in &content.tensor_infos {
        let count = info.shape.dims().iter().try_fold(1usize, |count, size| count.checked_mul(*size));
        if info.shape.dims().iter().any(|size| *size > MAX_DIMENSION) || count.is_none() {
            return Err(malformed(format!("tensor `{name}` has the impossible shape {:?}", info.shape)));
        }
    }
    Ok(content)
}

fn malformed(reason: String) -> ModelError {
    ModelError::Header { format: "GGUF", reason }
}

fn llama_config(metadata: &Metadata<'_>) -> Result<LlamaConfig, ModelError> {
    let architecture = metadata.text("general.architecture")?;
    if architecture != "llama" {
        return Err(ModelError::Architecture { found: architecture.to_owned() });
    }
    rope_scaling(metadata)?;
    let heads = metadata.size("llama.attention.head_count")?;
    let hidden = metadata.size("llama.embedding_length")?;
    let key_length = metadata.optional("llama.attention.key_length");
    LlamaConfig {
        vocabulary: metadata.texts("tokenizer.ggml.tokens")?.len(),
        hidden,
        intermediate: metadata.size("llama.feed_forward_length")?,
        layers: metadata.size("llama.block_count")?,
        heads,
        kv_heads: metadata.optional("llama.attention.head_count_kv").unwrap_or(heads),
        head_dim: key_length.unwrap_or(hidden / heads.max(1)),
        rope_base: metadata.number("llama.rope.freq_base").unwrap_or(DEFAULT_ROPE_BASE),
        norm_epsilon: f64::from(metadata.number("llama.attention.layer_norm_rms_epsilon")?),
        context: metadata.size("llama.context_length")?,
    }
    .checked()
}

/// Scaling that the header names; Llama 3's lies in a tensor of its own.
fn rope_scaling(metadata: &Metadata<'_>) -> Result<RopeScaling, ModelError> {
    const TYPE: &str = "llama.rope.scaling.type";
    const OLD: &str = "llama.rope.scale_linear";
    match metadata.text(TYPE) {
        Ok("none") => Ok(RopeScaling::None),
        Ok("linear") => RopeScaling::linear(metadata.number("llama.rope.scaling.factor")?),
        Ok(other) => Err(field(TYPE, other, "none or linear")),
        Err(_) if metadata.0.metadata.contains_key(OLD) => RopeScaling::linear(metadata.number(OLD)?),
        Err(_) => Ok(RopeScaling::None),
    }
}

/// Typed access to the header's values.
pub(crate) struct Metadata<'a>(&'a Content);

impl<'a> Metadata<'a> {
    fn value(&self, key: &str, expected: &str) -> Result<&'a Value, ModelError> {
        self.0.metadata.get(key).ok_or_else(|| field(key, "missing", expected))
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Result<&'a str, ModelError> {
        let wrong = |_| field(key, "no text", "a text");
        self.value(key, "a text")?.to_string().map(String::as_str).map_err(wrong)
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&'a str>, ModelError> {
        let wrong = |_| field(key, "something else", "a list of texts");
        let list = self.value(key, "a list of texts")?.to_vec().map_err(wrong)?;
        list.iter().map(|value| value.to_string().map(String::as_str).map_err(wrong)).collect()
    }

    /// A list of whole numbers; numbers that are none are left out of a list that has them.
    pub(crate) fn numbers(&self, key: &str) -> Vec<i64> {
        let Some(Value::Array(list)) = self.0.metadata.get(key) else {
            return Vec::new();
        };
        list.iter().filter_map(whole).collect()
    }

    /// A size.
    pub(crate) fn size(&self, key: &str) -> Result<usize, ModelError> {
        let value = self.value(key, "a number")?;
        let size = whole(value).and_then(|number| usize::try_from(number).ok());
        size.ok_or_else(|| field(key, "no number", "a number that is not negative"))
    }

    /// A size that may be missing.
    pub(crate) fn optional(&self, key: &str) -> Option<usize> {
        self.size(key).ok()
    }

    /// Yes or no, where the file says.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.0.metadata.get(key).and_then(|value| value.to_bool().ok())
    }

    fn number(&self, key: &str) -> Result<f32, ModelError> {
        let wrong = |_| field(key, "no number", "a number");
        self.value(key, "a number")?.to_f32().map_err(wrong)
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::U8(v) => Some(i64::from(*v)),
        Value::I8(v) => Some(i64::from(*v)),
        Value::U16(v) => Some(i64::from(*v)),
        Value::I16(v) => Some(i64::from(*v)),
        Value::U32(v) => Some(i64::from(*v)),
        Value::I32(v) => Some(i64::from(*v)),
        Value::U64(v) => i64::try_from(*v).ok(),
        Value::I64(v) => Some(*v),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_rows_come_back_in_halves() {
        let rows: Vec<f32> = [0, 2, 1, 3, 4, 6, 5, 7].map(|i| i as f32).to_vec();
        let expected: Vec<f32> = (0..8).map(|i| i as f32).collect();
        assert_eq!(half_rotation(&rows, 1, 4), expected);
    }
}

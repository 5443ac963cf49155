//! Reads weights from a safetensors file and its `config.json`, in Hugging Face's names.

use candle_core::safetensors::{BufferedSafetensors, Load};
use candle_core::{DType, Device};

use super::config::LlamaConfig;
use super::error::ModelError;
use super::weights::{Part, TensorSource};

/// A safetensors file in memory.
pub(crate) struct SafetensorsFile {
    tensors: BufferedSafetensors,
    config: LlamaConfig,
    tied: bool,
}

impl SafetensorsFile {
    /// Parses the header. `config` is the text of `config.json`. The format's parser itself refuses headers
    /// over 100 MB, overlapping tensors, and tensors that do not fill the file.
    pub(crate) fn parse(bytes: Vec<u8>, config: &str) -> Result<Self, ModelError> {
        let tensors = BufferedSafetensors::new(bytes)
            .map_err(|error| ModelError::Header { format: "safetensors", reason: error.to_string() })?;
        Ok(Self { tensors, config: LlamaConfig::from_json(config)?, tied: is_tied(config) })
    }
}

fn is_tied(config: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Tied {
        #[serde(default)]
        tie_word_embeddings: bool,
    }
    serde_json::from_str::<Tied>(config).is_ok_and(|tied| tied.tie_word_embeddings)
}

impl TensorSource for SafetensorsFile {
    fn config(&self) -> &LlamaConfig {
        &self.config
    }

    fn has_head(&self) -> bool {
        !self.tied
    }

    fn rope_factors(&self) -> Result<Option<Vec<f32>>, ModelError> {
        Ok(None)
    }

    fn read(&self, part: Part) -> Result<Vec<f32>, ModelError> {
        let name = self.name(part);
        let view = match self.tensors.get(&name) {
            Ok(view) => view,
            Err(_) => return Err(ModelError::MissingTensor { tensor: name }),
        };
        let expected = part.shape(&self.config);
        if view.shape() != expected {
            return Err(ModelError::Shape { tensor: name, found: view.shape().to_vec(), expected });
        }
        let tensor = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(tensor.flatten_all()?.to_vec1()?)
    }

    fn name(&self, part: Part) -> String {
        let (layer, name) = match part {
            Part::Embedding => return "model.embed_tokens.weight".to_owned(),
            Part::Norm => return "model.norm.weight".to_owned(),
            Part::Head => return "lm_head.weight".to_owned(),
            Part::AttentionNorm(i) => (i, "input_layernorm"),
            Part::Query(i) => (i, "self_attn.q_proj"),
            Part::Key(i) => (i, "self_attn.k_proj"),
            Part::Value(i) => (i, "self_attn.v_proj"),
            Part::AttentionOutput(i) => (i, "self_attn.o_proj"),
            Part::FeedForwardNorm(i) => (i, "post_attention_layernorm"),
            Part::Gate(i) => (i, "mlp.gate_proj"),
            Part::Up(i) => (i, "mlp.up_proj"),
            Part::Down(i) => (i, "mlp.down_proj"),
        };
        format!("model.layers.{layer}.{name}.weight")
    }
}

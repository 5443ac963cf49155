//! Reads weights from safetensors files and their `config.json`, in Hugging Face's names.

use candle_core::safetensors::{BufferedSafetensors, Load};
use candle_core::{DType, Device};

use super::config::{HuggingFaceConfig, LlamaConfig};
use super::error::ModelError;
use super::weights::{Part, TensorSource, all_finite};

/// The tensors of one or more safetensors files in memory.
pub(crate) struct Tensors(Vec<BufferedSafetensors>);

impl Tensors {
    /// Parses one file's header. The format's parser itself refuses headers over 100 MB, overlapping tensors,
    /// and tensors that do not fill the file.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, ModelError> {
        Self::parse_shards(vec![bytes])
    }

    /// Parses the headers of files that hold one model together.
    pub(crate) fn parse_shards(files: Vec<Vec<u8>>) -> Result<Self, ModelError> {
        let malformed = |reason: String| ModelError::Header { format: "safetensors", reason };
        let parse = |bytes| BufferedSafetensors::new(bytes).map_err(|error| malformed(error.to_string()));
        let tensors = Self(files.into_iter().map(parse).collect::<Result<_, _>>()?);
        match tensors.names().windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(tensors),
            Some(pair) => Err(malformed(format!("tensor `{}` is in two files", pair[0]))),
        }
    }

    /// The names of all tensors, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.0.iter().flat_map(|file| file.tensors()).map(|(name, _)| name);
        let mut names: Vec<String> = all.collect();
        names.sort_unstable();
        names
    }

    /// The values of a tensor, checked for its shape and type.
    pub(crate) fn values(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, ModelError> {
        let missing = || ModelError::MissingTensor { tensor: name.to_owned() };
        let view = self.0.iter().find_map(|file| file.get(name).ok()).ok_or_else(missing)?;
        if view.shape() != expected {
            return Err(ModelError::Shape {
                tensor: name.to_owned(),
                found: view.shape().to_vec(),
                expected: expected.to_vec(),
            });
        }
        match DType::try_from(view.dtype()) {
            Ok(DType::F32 | DType::F16 | DType::BF16 | DType::F64) => {}
            // Whole numbers and 8-bit floats need scales, which lie in other tensors under no agreed name.
            _ => {
                return Err(ModelError::Type {
                    tensor: name.to_owned(),
                    found: format!("{:?}", view.dtype()),
                });
            }
        }
        let tensor = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(tensor.flatten_all()?.to_vec1()?)
    }
}

/// A model's safetensors files and configuration in memory.
pub(crate) struct SafetensorsModel {
    tensors: Tensors,
    config: HuggingFaceConfig,
}

impl SafetensorsModel {
    /// Parses the headers. `config` is the text of `config.json`.
    pub(crate) fn parse(files: Vec<Vec<u8>>, config: &str) -> Result<Self, ModelError> {
        Ok(Self { config: HuggingFaceConfig::parse(config)?, tensors: Tensors::parse_shards(files)? })
    }
}

impl TensorSource for SafetensorsModel {
    fn config(&self) -> &LlamaConfig {
        &self.config.llama
    }

    fn has_head(&self) -> bool {
        !self.config.tied
    }

    fn rope_factors(&self) -> Result<Option<Vec<f32>>, ModelError> {
        Ok(self.config.scaling.factors(&self.config.llama))
    }

    fn read(&self, part: Part) -> Result<Vec<f32>, ModelError> {
        self.tensors.values(&self.name(part), &part.shape(&self.config.llama))
    }

    fn name(&self, part: Part) -> String {
        part.module() + ".weight"
    }
}

/// The values themselves, if all are finite.
pub(crate) fn finite(values: Vec<f32>, name: &str) -> Result<Vec<f32>, ModelError> {
    match all_finite(&values) {
        true => Ok(values),
        false => Err(ModelError::NotFinite { tensor: name.to_owned() }),
    }
}

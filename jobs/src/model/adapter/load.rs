//! Reads the low-rank matrices and lays them out beside the base's fused products.

use std::collections::BTreeSet;
use std::path::Path;

use candle_core::{Device, Tensor};

use super::apply::{Linears, LowRank, Update};
use super::peft::{AdapterBase, PeftConfig};
use crate::model::config::LlamaConfig;
use crate::model::error::ModelError;
use crate::model::files::{read, read_text};
use crate::model::safetensors::{Tensors, finite};
use crate::model::weights::Part;

/// What PEFT puts before the base's own names.
const PREFIX: &str = "base_model.model.";

/// The low-rank matrices of one adapter, checked against one base.
#[derive(Debug, Clone)]
pub struct Adapter {
    base: LlamaConfig,
    layers: Vec<AdaptedLayer>,
}

/// The updates of one block's fused products.
#[derive(Debug, Clone)]
struct AdaptedLayer {
    qkv: Option<LowRank>,
    attention_output: Option<LowRank>,
    gate_up: Option<LowRank>,
    down: Option<LowRank>,
}

impl Adapter {
    /// Loads `adapter_config.json` and `adapter_model.safetensors` for a base.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged, a kind of adapter that this runtime cannot follow exactly, or
    /// an adapter of another base.
    pub fn load(config: &Path, weights: &Path, base: AdapterBase<'_>) -> Result<Self, ModelError> {
        Self::parse(&read_text(config)?, read(weights)?, base)
    }

    /// As [`Self::load`], from the files' contents.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(config: &str, weights: Vec<u8>, base: AdapterBase<'_>) -> Result<Self, ModelError> {
        let mut file = AdapterFile {
            config: PeftConfig::parse(config, base)?,
            tensors: Tensors::parse(weights)?,
            base: base.config,
            used: BTreeSet::new(),
        };
        let layers: Result<_, ModelError> = (0..base.config.layers).map(|i| file.layer(i)).collect();
        let adapter = Self { base: base.config.clone(), layers: layers? };
        file.refuse_unused()?;
        Ok(adapter)
    }

    /// The same adapter on this device, for a network that lies there.
    ///
    /// # Errors
    /// The device's memory is too small.
    pub fn onto(&self, device: &Device) -> Result<Self, ModelError> {
        let layers: candle_core::Result<_> = self.layers.iter().map(|layer| layer.onto(device)).collect();
        Ok(Self { base: self.base.clone(), layers: layers? })
    }

    /// The sizes of the base that it was checked against.
    pub(crate) fn base(&self) -> &LlamaConfig {
        &self.base
    }

    /// The update of one fused product, if the adapter has one.
    pub(super) fn update(&self, layer: usize, linears: Linears) -> Option<&LowRank> {
        let layer = &self.layers[layer];
        match linears {
            Linears::QueryKeyValue => layer.qkv.as_ref(),
            Linears::AttentionOutput => layer.attention_output.as_ref(),
            Linears::GateUp => layer.gate_up.as_ref(),
            Linears::Down => layer.down.as_ref(),
        }
    }
}

impl AdaptedLayer {
    fn onto(&self, device: &Device) -> candle_core::Result<Self> {
        let moved = |update: &Option<LowRank>| update.as_ref().map(|update| update.onto(device)).transpose();
        Ok(Self {
            qkv: moved(&self.qkv)?,
            attention_output: moved(&self.attention_output)?,
            gate_up: moved(&self.gate_up)?,
            down: moved(&self.down)?,
        })
    }
}

/// An adapter's files while they are read.
struct AdapterFile<'a> {
    config: PeftConfig,
    tensors: Tensors,
    base: &'a LlamaConfig,
    used: BTreeSet<String>,
}

impl AdapterFile<'_> {
    fn layer(&mut self, i: usize) -> Result<AdaptedLayer, ModelError> {
        Ok(AdaptedLayer {
            qkv: self.low_rank(&[Part::Query(i), Part::Key(i), Part::Value(i)])?,
            attention_output: self.low_rank(&[Part::AttentionOutput(i)])?,
            gate_up: self.low_rank(&[Part::Gate(i), Part::Up(i)])?,
            down: self.low_rank(&[Part::Down(i)])?,
        })
    }

    /// The update of a product whose columns are these parts' outputs, side by side.
    fn low_rank(&mut self, parts: &[Part]) -> Result<Option<LowRank>, ModelError> {
        let mut down = Vec::new();
        let mut updates = Vec::new();
        let mut column = 0;
        for part in parts {
            let (outputs, inputs) = self.shape(*part);
            if self.config.adapts(*part) {
                down.push(self.matrix(*part, "lora_A", [self.config.rank, inputs])?);
                let up = self.matrix(*part, "lora_B", [outputs, self.config.rank])?;
                let up = (up.t()? * self.config.scale)?.contiguous()?;
                updates.push(Update { up, column });
            }
            column += outputs;
        }
        if updates.is_empty() {
            return Ok(None);
        }
        let down = Tensor::cat(&down, 0)?.t()?.contiguous()?;
        Ok(Some(LowRank { down, rank: self.config.rank, updates }))
    }

    fn shape(&self, part: Part) -> (usize, usize) {
        let shape = part.shape(self.base);
        (shape[0], shape[1])
    }

    fn matrix(&mut self, part: Part, letter: &str, shape: [usize; 2]) -> Result<Tensor, ModelError> {
        let name = format!("{PREFIX}{}.{letter}.weight", part.module());
        let values = finite(self.tensors.values(&name, &shape)?, &name)?;
        self.used.insert(name);
        Ok(Tensor::from_vec(values, &shape, &Device::Cpu)?)
    }

    /// A tensor that was not read is a part of the adapter that would not be applied.
    fn refuse_unused(&self) -> Result<(), ModelError> {
        match self.tensors.names().into_iter().find(|name| !self.used.contains(name)) {
            None => Ok(()),
            Some(tensor) => Err(ModelError::UnexpectedTensor { tensor, layers: self.base.layers }),
        }
    }
}

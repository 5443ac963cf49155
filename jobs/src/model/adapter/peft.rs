//! Reads PEFT's `adapter_config.json`, and refuses what it cannot follow exactly.

use std::collections::BTreeSet;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::config::{LlamaConfig, field};
use crate::model::error::ModelError;
use crate::model::weights::Part;

/// Ranks above this are lies of a damaged file.
const MAX_RANK: usize = 8_192;
/// Settings that change the arithmetic or the base in ways that this runtime does not follow. Each must be
/// absent or empty.
const UNSUPPORTED: [&str; 16] = [
    "use_dora",
    "lora_bias",
    "fan_in_fan_out",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "exclude_modules",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "use_qalora",
    "use_bdlora",
    "alora_invocation_tokens",
    "arrow_config",
    "monteclora_config",
    "eva_config_path",
];
/// Ways to begin training that leave the base as it is.
const PLAIN_STARTS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// The model that an adapter is put onto.
#[derive(Debug, Clone, Copy)]
pub struct AdapterBase<'a> {
    /// The base's sizes.
    pub config: &'a LlamaConfig,
    /// The base's name. An adapter that names another base is refused.
    pub name: &'a str,
}

/// What the configuration says about the tensors.
#[derive(Debug)]
pub(super) struct PeftConfig {
    /// Columns of each A, rows of each B.
    pub(super) rank: usize,
    /// Factor of the product.
    pub(super) scale: f64,
    targets: Targets,
    /// The layers that are adapted, where not all are.
    layers: Option<BTreeSet<usize>>,
}

/// Which linear layers are adapted, as PEFT chooses modules.
#[derive(Debug)]
enum Targets {
    /// Modules whose dotted path is, or ends with, one of these.
    Names(Vec<String>),
    /// Modules whose whole path matches.
    Pattern(Regex),
    AllLinear,
}

#[derive(Deserialize)]
struct RawConfig {
    peft_type: String,
    #[serde(default)]
    task_type: Option<String>,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: Option<bool>,
    #[serde(default)]
    bias: Option<String>,
    target_modules: RawTargets,
    #[serde(default)]
    layers_to_transform: Option<RawLayers>,
    #[serde(default)]
    base_model_name_or_path: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawTargets {
    Text(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawLayers {
    One(usize),
    List(Vec<usize>),
}

impl PeftConfig {
    /// Parses and checks the text of `adapter_config.json`.
    pub(super) fn parse(text: &str, base: AdapterBase<'_>) -> Result<Self, ModelError> {
        let raw: RawConfig = serde_json::from_str(text).map_err(|error| ModelError::Header {
            format: "adapter_config.json",
            reason: error.to_string(),
        })?;
        raw.refuse_unsupported()?;
        raw.refuse_other_base(base.name)?;
        let config = Self {
            rank: raw.r,
            scale: raw.scale()?,
            targets: Targets::new(raw.target_modules)?,
            layers: raw.layers_to_transform.map(RawLayers::into_set),
        };
        config.refuse_other_targets(base.config)?;
        Ok(config)
    }

    /// Whether this linear layer is adapted.
    pub(super) fn adapts(&self, part: Part) -> bool {
        let within = |layer: usize| self.layers.as_ref().is_none_or(|layers| layers.contains(&layer));
        part.layer().is_some_and(within) && self.targets.contain(&part.module())
    }

    /// Every name must stand for a linear layer of the blocks: another one would be left out in silence.
    fn refuse_other_targets(&self, base: &LlamaConfig) -> Result<(), ModelError> {
        let modules: Vec<String> = (0..base.layers).flat_map(Part::linears).map(Part::module).collect();
        if let Targets::Names(names) = &self.targets {
            let unknown = |name: &&String| !modules.iter().any(|module| is_or_ends_with(module, name));
            if let Some(name) = names.iter().find(unknown) {
                return Err(field("target_modules", name, "linear layers of a Llama's blocks"));
            }
        }
        if !(0..base.layers).flat_map(Part::linears).any(|part| self.adapts(part)) {
            return Err(field("target_modules", "without any match", "linear layers of a Llama's blocks"));
        }
        let outside = self.layers.iter().flatten().find(|layer| **layer >= base.layers);
        match outside {
            Some(layer) => Err(field("layers_to_transform", layer, format!("less than {}", base.layers))),
            None => Ok(()),
        }
    }
}

impl RawConfig {
    fn refuse_unsupported(&self) -> Result<(), ModelError> {
        if self.peft_type != "LORA" {
            return Err(field("peft_type", &self.peft_type, "LORA"));
        }
        match self.task_type.as_deref() {
            None | Some("CAUSAL_LM") => {}
            Some(other) => return Err(field("task_type", other, "CAUSAL_LM")),
        }
        match self.bias.as_deref() {
            None | Some("none") => {}
            Some(other) => return Err(field("bias", other, "none: trained biases are not supported")),
        }
        for key in UNSUPPORTED {
            if let Some(value) = self.others.get(key).filter(|value| !is_empty(value)) {
                return Err(field(key, value, "nothing: it is not supported"));
            }
        }
        self.refuse_changed_base()
    }

    /// Some ways to begin subtract the adapter's first value from the base.
    fn refuse_changed_base(&self) -> Result<(), ModelError> {
        match self.others.get("init_lora_weights") {
            Some(Value::String(start)) if !PLAIN_STARTS.contains(&start.as_str()) => {
                Err(field("init_lora_weights", start, "a way to begin that leaves the base as it is"))
            }
            _ => Ok(()),
        }
    }

    fn refuse_other_base(&self, model: &str) -> Result<(), ModelError> {
        let Some(found) = self.base_model_name_or_path.as_deref() else {
            return Ok(());
        };
        if same_model(found, model) {
            return Ok(());
        }
        Err(ModelError::OtherBase { found: found.to_owned(), model: model.to_owned() })
    }

    /// `alpha / r`, or with rank stabilisation `alpha / sqrt(r)` (Kalajdzievski 2023).
    fn scale(&self) -> Result<f64, ModelError> {
        if self.r == 0 || self.r > MAX_RANK {
            return Err(field("r", self.r, format!("1 to {MAX_RANK}")));
        }
        let rank = self.r as f64;
        let divisor = if self.use_rslora == Some(true) { rank.sqrt() } else { rank };
        let scale = self.lora_alpha / divisor;
        // Weights are 32-bit: a factor that overflows there is as wrong as one that is no number.
        if (scale as f32).is_finite() {
            Ok(scale)
        } else {
            Err(field("lora_alpha", self.lora_alpha, "a number"))
        }
    }
}

impl RawLayers {
    fn into_set(self) -> BTreeSet<usize> {
        match self {
            Self::One(layer) => BTreeSet::from([layer]),
            Self::List(layers) => layers.into_iter().collect(),
        }
    }
}

impl Targets {
    fn new(raw: RawTargets) -> Result<Self, ModelError> {
        match raw {
            RawTargets::List(names) => Ok(Self::Names(names)),
            RawTargets::Text(text) if text == "all-linear" => Ok(Self::AllLinear),
            RawTargets::Text(pattern) => match Regex::new(&format!("^(?:{pattern})$")) {
                Ok(regex) => Ok(Self::Pattern(regex)),
                Err(_) => Err(field("target_modules", pattern, "a list of names or a regular expression")),
            },
        }
    }

    fn contain(&self, module: &str) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|name| is_or_ends_with(module, name)),
            Self::Pattern(regex) => regex.is_match(module),
            Self::AllLinear => true,
        }
    }
}

fn is_or_ends_with(module: &str, name: &str) -> bool {
    module.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether a setting says nothing: absent, false, or an empty list, map or text.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Whether two names can mean one model. Names are given by people, as a path or a repository, with or without
/// a suffix for the file's format: they agree where one's letters and digits hold the other's.
fn same_model(left: &str, right: &str) -> bool {
    let plain = |name: &str| -> String {
        let last = name.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default();
        last.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (left, right) = (plain(left), plain(right));
    left.contains(&right) || right.contains(&left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tiny;

    #[test]
    fn names_agree_over_paths_case_and_suffixes() {
        assert!(same_model("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"));
        assert!(same_model("/models/SmolLM2-135M-Instruct/", "SmolLM2-135M-Instruct.Q4_1"));
        assert!(same_model("", "tiny"));
        assert!(!same_model("HuggingFaceTB/SmolLM2-360M", "smollm2-135m"));
    }

    #[test]
    fn targets_choose_modules_as_peft_does() {
        let config = tiny::config();
        let base = AdapterBase { config: &config, name: "tiny" };
        let chosen = |targets: &str, layers: &str| -> Vec<String> {
            let text = format!(
                r#"{{"peft_type":"LORA","r":4,"lora_alpha":8,"target_modules":{targets},"layers_to_transform":{layers}}}"#
            );
            let parsed = PeftConfig::parse(&text, base).unwrap();
            let parts = (0..config.layers).flat_map(Part::linears).filter(|part| parsed.adapts(*part));
            parts.map(|part| part.module().replace("model.layers.", "")).collect()
        };
        assert_eq!(chosen(r#"["q_proj"]"#, "null"), ["0.self_attn.q_proj", "1.self_attn.q_proj"]);
        assert_eq!(chosen(r#"["q_proj","mlp.up_proj"]"#, "[1]"), ["1.self_attn.q_proj", "1.mlp.up_proj"]);
        assert_eq!(chosen(r#"".*[01]\\.mlp\\.(up|down)_proj""#, "0"), ["0.mlp.up_proj", "0.mlp.down_proj"]);
        assert_eq!(chosen(r#""all-linear""#, "null").len(), 14);
    }
}

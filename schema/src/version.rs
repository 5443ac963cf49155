//! `SystemVersion`: everything that makes an answer, as one immutable value.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactRef, Digest};
use crate::id::ModelId;
use crate::spec::EndpointSpec;

mod retrieval;
mod tool;

pub use retrieval::{Abstain, CONTEXT_PLACE, DenseIndex, IndexBinding, PassageOrder, Ranking, Retrieval};
pub use tool::{CALL_BEGIN, CALL_END, Tool, ToolRouting, ToolUse};

/// A system as it answers. Its name is the digest of its content ([`SystemVersion::digest`]);
/// a change of any field is another version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemVersion {
    /// The model.
    pub model: AnsweringModel,
    /// A LoRA adapter on those weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterBinding>,
    /// What the model is told.
    pub prompt: Prompt,
    /// Worked examples shown before the question.
    pub demonstrations: Demonstrations,
    /// How tokens are chosen.
    pub decoding: Decoding,
    /// Passages that are looked up and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<Retrieval>,
    /// Tools that answers may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolUse>,
}

/// The model that answers. Its JSON is that of the variant alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a model with `id` and either `weights` or `endpoint`")]
pub enum AnsweringModel {
    /// Weights that a job loads.
    Weights(ModelBinding),
    /// A model that a job asks over the network.
    Endpoint(EndpointBinding),
}

impl AnsweringModel {
    /// The name in the spec's catalogue.
    pub fn id(&self) -> &ModelId {
        match self {
            Self::Weights(model) => &model.id,
            Self::Endpoint(model) => &model.id,
        }
    }

    /// The weights, where they are ours to load.
    pub fn weights(&self) -> Option<&ModelBinding> {
        match self {
            Self::Weights(model) => Some(model),
            Self::Endpoint(_) => None,
        }
    }

    /// The endpoint, where the model is behind one.
    pub fn endpoint(&self) -> Option<&EndpointSpec> {
        match self {
            Self::Weights(_) => None,
            Self::Endpoint(model) => Some(&model.endpoint),
        }
    }

    /// All artifacts of the model; none for an endpoint.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        self.weights().map(ModelBinding::artifacts).unwrap_or_default()
    }
}

impl From<ModelBinding> for AnsweringModel {
    fn from(model: ModelBinding) -> Self {
        Self::Weights(model)
    }
}

impl From<EndpointBinding> for AnsweringModel {
    fn from(model: EndpointBinding) -> Self {
        Self::Endpoint(model)
    }
}

/// Which endpoint. What its name stands for is the server's to say: a digest cannot freeze it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointBinding {
    /// The name in the spec's catalogue.
    pub id: ModelId,
    /// Address, the model's name there, where its key is, price and limits.
    pub endpoint: EndpointSpec,
}

/// Which weights, by name for people and by digest for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelBinding {
    /// The name in the spec's catalogue.
    pub id: ModelId,
    /// The weights file (GGUF or safetensors).
    pub weights: ArtifactRef,
    /// Files that the format wants beside the weights, by name: `config.json`, `tokenizer.json`,
    /// `tokenizer_config.json` for safetensors; none for GGUF.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, ArtifactRef>,
}

impl ModelBinding {
    /// All artifacts of the model.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        std::iter::once(&self.weights).chain(self.files.values()).collect()
    }
}

/// A LoRA adapter in PEFT's layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdapterBinding {
    /// `adapter_config.json`
    pub config: ArtifactRef,
    /// `adapter_model.safetensors`
    pub weights: ArtifactRef,
}

/// The texts of a chat prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prompt {
    /// The system message. Empty means that the model's chat template decides.
    pub system: String,
    /// The user message; `{{input}}` stands for the item's input, `{{context}}` for the passages.
    pub user: String,
    /// Text that the assistant's answer is made to begin with. It is not part of the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer_cue: String,
}

/// Worked examples, as earlier turns of the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Demonstrations {
    /// No examples.
    None,
    /// The `k` items of the pool whose inputs are most like the question (BM25), the nearest last.
    Nearest {
        /// How many examples.
        k: u32,
        /// JSONL of items, normally the train split.
        pool: ArtifactRef,
    },
    /// The same `k` items of the pool for every question: the first ones.
    Fixed {
        /// How many examples.
        k: u32,
        /// JSONL of items, normally the train split.
        pool: ArtifactRef,
    },
}

impl Demonstrations {
    /// Where the examples are taken from.
    pub fn pool(&self) -> Option<&ArtifactRef> {
        match self {
            Self::None => None,
            Self::Nearest { pool, .. } | Self::Fixed { pool, .. } => Some(pool),
        }
    }

    /// How many examples are shown.
    pub fn k(&self) -> u32 {
        match self {
            Self::None => 0,
            Self::Nearest { k, .. } | Self::Fixed { k, .. } => *k,
        }
    }
}

/// How the answer's tokens are chosen. Greedy: the same version gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decoding {
    /// Most new tokens in an answer.
    pub max_tokens: u32,
    /// Texts that end the answer and are cut from it.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Nothing is written: the likeliest label is the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelScoring>,
}

/// Answers by how likely each label is as the whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LabelScoring {
    /// The labels.
    pub labels: Vec<String>,
    /// Whether the likelihood of each label without any input is taken off first (contextual calibration;
    /// Zhao et al. 2021).
    pub calibrate: bool,
}

impl SystemVersion {
    /// All artifacts that the version is made of.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = self.model.artifacts();
        refs.extend(self.adapter.iter().flat_map(|adapter| [&adapter.config, &adapter.weights]));
        refs.extend(self.demonstrations.pool());
        refs.extend(self.retrieval.iter().flat_map(Retrieval::artifacts));
        refs.extend(self.tools.iter().flat_map(ToolUse::artifacts));
        refs
    }

    /// The version's name: SHA-256 over its JSON form.
    pub fn digest(&self) -> Digest {
        // Only maps with non-text keys and failing writers can fail here, and there are none.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Digest::of(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it stands in histories that were recorded before endpoints could answer.
    const LOCAL: &str = concat!(
        r#"{"model":{"id":"small","weights":{"digest":"sha256:"#,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        r#"","size":0,"media_type":"application/x-gguf"}},"prompt":{"system":"s","user":"{{input}}"},"#,
        r#""demonstrations":{"kind":"none"},"decoding":{"max_tokens":8,"stop":[]}}"#
    );

    #[test]
    fn a_version_with_weights_has_the_json_and_the_digest_that_it_always_had() {
        let version: SystemVersion = serde_json::from_str(LOCAL).unwrap();
        assert_eq!(version.model.id().as_str(), "small");
        assert_eq!(version.artifacts().len(), 1);
        assert_eq!(serde_json::to_string(&version).unwrap(), LOCAL);
        assert_eq!(version.digest(), Digest::of(LOCAL.as_bytes()));
    }

    #[test]
    fn a_version_behind_an_endpoint_has_no_artifacts_and_survives_json() {
        let local: SystemVersion = serde_json::from_str(LOCAL).unwrap();
        let endpoint: EndpointSpec =
            serde_json::from_str(r#"{"url":"https://h/v1","model":"m","price":{"input":1,"output":2}}"#)
                .unwrap();
        let model = EndpointBinding { id: ModelId::new("big"), endpoint }.into();
        let version = SystemVersion { model, ..local };
        assert_eq!(version.artifacts(), Vec::<&ArtifactRef>::new());
        let json = serde_json::to_string(&version).unwrap();
        assert_eq!(serde_json::from_str::<SystemVersion>(&json).unwrap(), version);
    }

    #[test]
    fn a_model_that_is_neither_is_named() {
        let json = LOCAL.replace("weights", "wights");
        let error = serde_json::from_str::<SystemVersion>(&json).unwrap_err().to_string();
        assert!(error.contains("either `weights` or `endpoint`"), "{error}");
    }
}

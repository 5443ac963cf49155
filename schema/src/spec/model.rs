//! Models, and the system that a run starts from.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::date::CalendarDate;
use crate::id::ModelId;
use crate::source::SourceRef;

/// A model of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The name that the rest of the spec uses.
    pub id: ModelId,
    /// Where the model is.
    pub origin: ModelOrigin,
    /// Number of parameters, for plans and reports.
    pub parameters: Option<u64>,
    /// The day on which its server takes it away. It says nothing about answers, so that it is no part of a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown_date: Option<CalendarDate>,
}

impl ModelSpec {
    /// The weights, where they are ours to load.
    pub fn source(&self) -> Option<&SourceRef> {
        match &self.origin {
            ModelOrigin::Source(source) => Some(source),
            ModelOrigin::Endpoint(_) => None,
        }
    }
}

/// Where a model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelOrigin {
    /// Weights that a job loads (GGUF or safetensors).
    Source(SourceRef),
    /// A model behind an OpenAI-compatible address.
    Endpoint(EndpointSpec),
}

/// A model behind an OpenAI-compatible address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointSpec {
    /// `https://`, or `http://` on loopback; without credentials, query and fragment.
    pub url: String,
    /// The model's name at the endpoint.
    pub model: String,
    /// Where the key is. The key itself is never in a spec.
    pub api_key: Option<SecretRef>,
    /// What tokens cost; `None` means that they cost nothing.
    pub price: Option<Price>,
    /// How much it may be asked in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RateLimits>,
}

/// How much an endpoint may be asked in a minute. `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateLimits {
    /// Requests, repeated ones too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Prompt and completion tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// The name of an environment variable.
    Env(String),
    /// The path of a file that holds nothing else.
    File(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env://{name}"),
            Self::File(path) => write!(f, "file://{path}"),
        }
    }
}

/// Dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Price {
    /// Prompt tokens.
    pub input: f64,
    /// Completion tokens.
    pub output: f64,
}

impl Price {
    /// Dollars for so many tokens.
    pub fn of(&self, prompt_tokens: u64, completion_tokens: u64) -> f64 {
        (prompt_tokens as f64 * self.input + completion_tokens as f64 * self.output) / 1e6
    }
}

/// The model that turns text into vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedderSpec {
    /// A folder with safetensors, configuration and tokenizer.
    pub source: SourceRef,
}

/// The system that the run starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemSpec {
    /// A model of the catalogue.
    pub model: ModelId,
    /// The system message. Empty text where the spec names none.
    pub prompt: PromptSource,
    /// The user message; `{{input}}` stands for the item's input. Default: `{{input}}`.
    pub user: String,
    /// Most new tokens in an answer. Default: 64.
    pub max_tokens: u32,
    /// Texts that end the answer and are cut from it.
    pub stop: Vec<String>,
}

/// A text, or the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptSource {
    /// The text itself.
    Inline(String),
    /// A file with the text, normally `file://`.
    File(SourceRef),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_for_a_million_tokens_each_way() {
        let price = Price { input: 0.2, output: 0.6 };
        assert_eq!(price.of(1_000_000, 500_000), 0.5);
        assert_eq!(price.of(0, 0), 0.0);
    }

    #[test]
    fn an_endpoint_without_limits_is_written_as_before_there_were_any() {
        let json = r#"{"url":"https://h/v1","model":"m","api_key":{"env":"KEY"},"price":null}"#;
        let endpoint: EndpointSpec = serde_json::from_str(json).unwrap();
        assert_eq!(endpoint.limits, None);
        assert_eq!(serde_json::to_string(&endpoint).unwrap(), json);
    }
}

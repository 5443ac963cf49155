//! The job kind `baseline`: a classic supervised model, to compare with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::embed::EncoderFiles;
use super::evaluate::RESULTS_FILE;
use crate::artifact::ArtifactRef;
use crate::grade::Assertion;

/// Parameters of `baseline`. Its output is [`RESULTS_FILE`], as that of an evaluation.
///
/// With labels it is a logistic regression on sentence vectors, its penalty chosen by cross-validation on the
/// items to learn from. Without labels it answers as the nearest item to learn from is answered. `majority`
/// always says the most frequent answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineParams {
    /// JSONL of items to learn from.
    pub train: ArtifactRef,
    /// JSONL of items to answer.
    pub items: ArtifactRef,
    /// Positions in the items file to answer, in this order.
    pub positions: Vec<u32>,
    /// All must hold for an answer to pass.
    pub assertions: Vec<Assertion>,
    /// The labels of a classification task; empty otherwise.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Who embeds the inputs; the majority needs nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderFiles>,
    /// What answers.
    pub method: BaselineMethod,
}

/// Classic models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BaselineMethod {
    /// The most frequent answer.
    Majority,
    /// Logistic regression, or the nearest item where there are no labels.
    Supervised,
}

impl BaselineParams {
    /// Names of the files that the job leaves.
    pub fn outputs(&self) -> &'static [&'static str] {
        &[RESULTS_FILE]
    }

    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let encoder = self.encoder.iter().flat_map(EncoderFiles::artifacts);
        [&self.train, &self.items].into_iter().chain(encoder).collect()
    }
}

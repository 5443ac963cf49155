//! The job kind `drift`: whether what is asked in production, and what is said, is like the dev split.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::embed::EncoderFiles;
use crate::artifact::ArtifactRef;

/// Name of the output file: the questions that are farthest from the dev split, one [`FarQuestion`] a line.
pub const FAR_QUESTIONS_FILE: &str = "far_questions.jsonl";

/// Parameters of `drift`. Its output is [`FAR_QUESTIONS_FILE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftParams {
    /// Who embeds the questions.
    pub encoder: EncoderFiles,
    /// JSONL of the items of the dev split.
    pub dev: ArtifactRef,
    /// JSONL of [`ServedLine`]s: different questions of production with an answer to each.
    pub served: ArtifactRef,
    /// JSONL of [`super::TextLine`]s: what the same version answered on dev, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev_answers: Option<ArtifactRef>,
    /// The labels of a classification task; empty otherwise.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Probability with which chance alone may exceed the limit of a distance, in `(0, 1)`.
    pub alpha: f64,
}

impl DriftParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = vec![&self.dev, &self.served];
        refs.extend(&self.dev_answers);
        refs.extend(self.encoder.artifacts());
        refs
    }
}

/// A question of production with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServedLine {
    /// The request.
    pub id: String,
    /// What was asked.
    pub question: String,
    /// What was said.
    pub answer: String,
}

/// A question that is like none of the dev split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FarQuestion {
    /// The request.
    pub id: String,
    /// What was asked.
    pub question: String,
    /// Cosine distance to the most similar question of dev.
    pub distance: f64,
    /// That question.
    pub nearest: String,
}

/// What `drift` measured. What follows from it is decided elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftSummary {
    /// Different questions of production.
    pub questions: u32,
    /// Different questions of dev.
    pub reference: u32,
    /// Mean cosine distance of the questions to the most similar one of dev.
    pub distance: f64,
    /// The same between the questions of dev, each left out in turn.
    pub expected: f64,
    /// What `distance` exceeds with probability `alpha` where the questions are like those of dev.
    pub limit: f64,
    /// How the answers differ from those on dev; empty where these were not measured.
    #[serde(default)]
    pub answers: Vec<AnswerShift>,
}

/// A trait of the answers, here and on dev.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerShift {
    /// Which.
    pub of: AnswerTrait,
    /// In production: the median length in characters, the share of refusals, or the share of the label whose share
    /// has changed most.
    pub here: f64,
    /// The same on dev.
    pub before: f64,
    /// Probability of a difference as large as this or larger where the answers are like those on dev.
    pub p: f64,
    /// Which label, where it is about labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What is compared of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerTrait {
    /// Their length.
    Length,
    /// Whether they read like refusals.
    Refusals,
    /// Which label they name.
    Labels,
}

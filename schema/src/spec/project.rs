//! `ProjectSpec`: a project as every part of Empiric reads it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loop_rules::{BudgetSpec, EvaluateSpec, GateSpec, ImproveSpec, ResourceSpec};
use super::model::{EmbedderSpec, ModelSpec, SystemSpec};
use super::people::PeopleSpec;
use super::rollout::{DeploySpec, MonitorSpec};
use crate::artifact::Digest;
use crate::id::ModelId;
use crate::source::SourceRef;

/// A checked project. Only [`ProjectSpec::parse`] makes one from text; the serde form is what
/// histories carry, and is trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectSpec {
    /// Lower-case letters, digits and hyphens; at most 63.
    pub name: String,
    /// One sentence for people. May be empty.
    pub description: String,
    /// What the system does and when it is good enough.
    pub scope: ScopeSpec,
    /// The splits and the documents.
    pub data: DataSpec,
    /// The catalogue, at least one model, ids unique.
    pub models: Vec<ModelSpec>,
    /// The model that turns text into vectors.
    pub embedder: Option<EmbedderSpec>,
    /// The system that the run starts from.
    pub system: SystemSpec,
    /// How an answer is graded.
    pub evaluate: EvaluateSpec,
    /// What may be tried.
    pub improve: ImproveSpec,
    /// What counts as shown.
    pub gate: GateSpec,
    /// What may be spent.
    pub budget: BudgetSpec,
    /// What a job runs on.
    pub resources: ResourceSpec,
    /// The stages of exposure; `None` where nothing is deployed.
    pub deploy: Option<DeploySpec>,
    /// What is watched after deployment.
    pub monitor: Option<MonitorSpec>,
    /// Who is asked. Left out where it is the default, so that older histories and digests stay as they are.
    #[serde(default, skip_serializing_if = "PeopleSpec::is_default")]
    pub people: PeopleSpec,
}

impl ProjectSpec {
    /// The project's identity: SHA-256 over its JSON form. Comments and layout do not matter.
    pub fn digest(&self) -> Digest {
        // Only maps with non-text keys and failing writers can fail here, and there are none.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The model of this id.
    pub fn model(&self, id: &ModelId) -> Option<&ModelSpec> {
        self.models.iter().find(|model| model.id == *id)
    }
}

/// What the system does, and the promise that the locked test split must show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScopeSpec {
    /// The kind of task.
    pub task: Task,
    /// All must hold. At least one.
    pub success: Vec<Criterion>,
}

/// The kind of task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// A short answer to a question.
    Answer,
    /// One of the labels.
    Classify {
        /// At least two, all different.
        labels: Vec<String>,
    },
    /// Fields taken out of a text.
    Extract,
    /// Free text.
    Generate,
}

impl Task {
    /// The name in `project.yaml`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Classify { .. } => "classify",
            Self::Extract => "extract",
            Self::Generate => "generate",
        }
    }

    /// The labels of a classification task; empty otherwise.
    pub fn labels(&self) -> &[String] {
        match self {
            Self::Classify { labels } => labels,
            Self::Answer | Self::Extract | Self::Generate => &[],
        }
    }
}

/// One promise, such as "accuracy is at least 0.70".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// What is measured.
    pub metric: Metric,
    /// On which side of the value the rate must lie.
    pub bound: Bound,
    /// A rate in `[0, 1]`.
    pub value: f64,
}

impl Criterion {
    /// Whether a rate lies on the right side. Says nothing about its uncertainty.
    pub fn holds(&self, rate: f64) -> bool {
        match self.bound {
            Bound::AtLeast => rate >= self.value,
            Bound::AtMost => rate <= self.value,
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = match self.bound {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
        };
        write!(f, "{} {bound} {:.2}", self.metric, self.value)
    }
}

/// A rate over the items of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of the items whose answer passes every assertion.
    Accuracy,
    /// Share of the items whose answer has a text that the item forbids.
    HarmRate,
}

impl Metric {
    /// The name in `project.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::HarmRate => "harm_rate",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The side of a criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The true rate must be this or higher.
    AtLeast,
    /// The true rate must be this or lower.
    AtMost,
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSpec {
    /// Demonstrations and training examples. Never measured on.
    pub train: Option<SourceRef>,
    /// Failures are read and candidates race here.
    pub dev: SourceRef,
    /// Locked: only the gate looks.
    pub test: SourceRef,
    /// What the answers are to be found in.
    pub documents: Vec<SourceRef>,
}

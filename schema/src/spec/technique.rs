//! The techniques that an iteration may try.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to make a system better. The order of the variants is cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Technique {
    /// Templates and demonstrations.
    Prompt,
    /// Calculator, dates, look-ups, calls.
    Tools,
    /// Passages of the documents in the prompt.
    Rag,
    /// LoRA or full supervised fine-tuning.
    FineTune,
    /// Direct preference optimisation on approvals and edits.
    Preference,
    /// Another model of the catalogue.
    Model,
    /// The small model learns the answers of a larger one that is too slow or too dear.
    Distil,
    /// Continued pretraining: the last resort, signed by a person.
    Pretrain,
    /// A classic supervised model on embeddings, to compare with.
    Baseline,
}

impl Technique {
    /// Every technique, cheapest first.
    pub const ALL: [Self; 9] = [
        Self::Prompt,
        Self::Tools,
        Self::Rag,
        Self::FineTune,
        Self::Preference,
        Self::Model,
        Self::Distil,
        Self::Pretrain,
        Self::Baseline,
    ];

    /// The name in `project.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Tools => "tools",
            Self::Rag => "rag",
            Self::FineTune => "fine_tune",
            Self::Preference => "preference",
            Self::Model => "model",
            Self::Distil => "distil",
            Self::Pretrain => "pretrain",
            Self::Baseline => "baseline",
        }
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

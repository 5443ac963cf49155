//! The job kind `train_sft`: supervised fine-tuning on example chats.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactRef;
use crate::version::ModelBinding;

/// Name of the output file with one [`TrainingStep`] a line.
pub const HISTORY_FILE: &str = "history.jsonl";
/// Names of an adapter's files in PEFT's layout.
pub const ADAPTER_CONFIG_FILE: &str = "adapter_config.json";
/// The low-rank matrices.
pub const ADAPTER_WEIGHTS_FILE: &str = "adapter_model.safetensors";
/// Name of the weights file in Hugging Face's layout.
pub const WEIGHTS_FILE: &str = "model.safetensors";

/// Parameters of `train_sft`. Its outputs are those of [`Method::outputs`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainSftParams {
    /// The weights to begin with.
    pub model: ModelBinding,
    /// JSONL of [`ChatExample`]s.
    pub train: ArtifactRef,
    /// JSONL of [`ChatExample`]s that are never trained on; their loss decides when to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<ArtifactRef>,
    /// What is trained.
    pub method: Method,
    /// How it is trained.
    pub optimisation: Optimisation,
}

impl TrainSftParams {
    /// All artifacts that the job reads.
    pub fn artifacts(&self) -> Vec<&ArtifactRef> {
        let mut refs = self.model.artifacts();
        refs.push(&self.train);
        refs.extend(self.dev.as_ref());
        refs
    }
}

/// What is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Method {
    /// Low-rank matrices beside all seven linear layers of each block (Hu et al. 2021).
    Lora(Lora),
    /// All weights.
    Full,
}

impl Method {
    /// Names of the files that training leaves.
    pub fn outputs(&self) -> &'static [&'static str] {
        match self {
            Self::Lora(_) => &[ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, HISTORY_FILE],
            Self::Full => &[WEIGHTS_FILE, HISTORY_FILE],
        }
    }
}

/// The sizes of a LoRA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lora {
    /// Rank.
    pub r: u32,
    /// The matrices' product is scaled by `alpha / r`.
    pub alpha: f64,
    /// Share of the blocks, from the lowest, that stay as they are, in `[0, 1)` (PEFT's `layers_to_transform`
    /// names the others). Nothing flows back through those, and no activations of theirs are kept.
    #[serde(default, skip_serializing_if = "is_default")]
    pub frozen: f64,
}

impl Lora {
    /// The lowest block that is adapted, of a model with this many.
    pub fn first_layer(&self, layers: usize) -> usize {
        (layers as f64 * self.frozen) as usize
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// AdamW with warm-up and cosine decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Optimisation {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Passes over the training examples.
    pub epochs: u32,
    /// Stops after this many optimiser steps, 0 for no limit. The schedule is laid out over the epochs.
    #[serde(default)]
    pub max_steps: u32,
    /// Examples of one optimiser step.
    pub batch: u32,
    /// Examples that are in memory together; `batch` is reached by accumulation, with the same result.
    pub micro_batch: u32,
    /// Share of the steps in which the rate rises from 0.
    pub warmup: f64,
    /// Largest norm of the gradient over all trained weights.
    pub clip: f64,
    /// Decoupled weight decay (Loshchilov and Hutter 2019).
    #[serde(default)]
    pub weight_decay: f64,
    /// Longer examples are refused with their ids.
    pub max_tokens: u32,
    /// Looks at the dev loss without a better one before training stops; 0 for never.
    #[serde(default)]
    pub patience: u32,
    /// Optimiser steps between two looks at the dev loss; 0 for once an epoch.
    #[serde(default)]
    pub look_every: u32,
    /// Looks at the dev loss in all, as far apart from each other as can be; 0 for as `look_every` says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub looks: u32,
    /// Optimiser steps between two checkpoints; 0 for none.
    #[serde(default)]
    pub checkpoint_every: u32,
}

/// One line of the training data. The loss is taken on the assistant's turns alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChatExample {
    /// Names the example in messages.
    pub id: String,
    /// At least one turn of the assistant.
    pub messages: Vec<Turn>,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// One line of `history.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingStep {
    /// From 1.
    pub step: u32,
    /// Mean loss of the step's answer tokens, in nats.
    pub loss: f64,
    /// The rate of this step.
    pub learning_rate: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Mean loss on dev after this step, where it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev_loss: Option<f64>,
}

/// What a training reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingSummary {
    /// Optimiser steps that were made.
    pub steps: u32,
    /// The step whose weights were kept.
    pub best_step: u32,
    /// Mean training loss of the last step, in nats a token.
    pub loss: f64,
    /// Dev loss of the weights that were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev_loss: Option<f64>,
    /// Tokens that were read forward and backward, all epochs together.
    pub tokens: u64,
    /// All looks at dev in their order: the learning curve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<Look>,
}

/// A look at dev in the middle of a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// Examples that were learned from until then, all epochs together.
    pub examples: u64,
    /// The dev loss, in nats a token.
    pub dev_loss: f64,
}

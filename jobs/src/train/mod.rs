//! Supervised fine-tuning: a loaded model and example chats in, an adapter or weights out.
//!
//! The network's backward pass is written out by hand over packed sequences (`network`,
//! `block`, `attention`, `linear`, `loss`): the tensor library computes large products alone. Of a frozen
//! layer only the gradient of its input is computed, logits never exist for all tokens at once, and every
//! sum has an order of its own, so that two runs on one machine agree to the last bit. Reading the result
//! back is left to [`crate::model`], progress and budgets to [`crate::kinds`].

mod activation;
mod attention;
mod attention_backward;
mod base;
mod batch;
mod block;
mod build;
mod checkpoint;
mod data;
mod error;
mod export;
mod gradients;
mod linear;
mod loss;
mod network;
mod norm;
mod optimizer;
mod product;
mod random;
mod schedule;
mod snapshot;
mod tensor_file;
mod tensors;
mod trainer;

#[cfg(test)]
mod gradient_tests;
#[cfg(test)]
mod tests;

pub use batch::Sample;
pub use checkpoint::CHECKPOINT_FOLDER;
pub use data::{read_examples, samples};
pub use error::TrainError;
pub use export::AdapterFiles;
pub(crate) use random::Random;
pub use trainer::{StepReport, Trainer, Training, TrainingObserver};

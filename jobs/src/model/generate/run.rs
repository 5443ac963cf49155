//! From prompts to answers.

use std::sync::Arc;

use super::choice::Choosing;
use super::free::Free;
use super::options::GenerationOptions;
use crate::model::error::ModelError;
use crate::model::files::LoadedModel;
use crate::model::observe::{Flow, Observer};
use crate::model::schedule::{self, fit, known};
use crate::model::trie::TokenTrie;

/// Answers the prompts. Results depend neither on the batch size nor on the order of the prompts, but for near-ties
/// within what sums of floats differ by: sequences share no arithmetic.
///
/// # Errors
/// A prompt that does not fit the model's context or has tokens that it does not know, impossible settings,
/// logits that are not numbers, or a tensor failure.
pub fn generate(
    model: &LoadedModel,
    prompts: &[Vec<u32>],
    options: &GenerationOptions<'_>,
    observer: &mut dyn Observer,
) -> Result<Flow, ModelError> {
    options.sampling.check()?;
    match options.choices {
        [] => free(model, prompts, options, observer),
        _ => choose(model, prompts, options, observer),
    }
}

fn free(
    model: &LoadedModel,
    prompts: &[Vec<u32>],
    options: &GenerationOptions<'_>,
    observer: &mut dyn Observer,
) -> Result<Flow, ModelError> {
    for (index, prompt) in prompts.iter().enumerate() {
        fit(model.llama.config(), index, prompt, options.max_tokens)?;
    }
    let sequences = prompts.iter().zip(options.sampling.pickers(prompts)).map(|(prompt, picker)| Free {
        prompt,
        tokenizer: &model.tokenizer,
        options,
        picker,
        generated: Vec::new(),
        picked: 0,
        count: 0,
    });
    schedule::run(model, sequences.collect(), options.batch, observer)
}

fn choose(
    model: &LoadedModel,
    prompts: &[Vec<u32>],
    options: &GenerationOptions<'_>,
    observer: &mut dyn Observer,
) -> Result<Flow, ModelError> {
    let mut sequences = Vec::with_capacity(prompts.len());
    let mut tries = Tries::default();
    let pickers = options.sampling.pickers(prompts);
    for ((index, prompt), picker) in prompts.iter().enumerate().zip(pickers) {
        let trie = tries.of(model, index, prompt, options.choices)?;
        fit(model.llama.config(), index, prompt, trie.depth())?;
        sequences.push(Choosing::new(prompt, options.choices, &model.tokenizer, trie, picker));
    }
    schedule::run(model, sequences, options.batch, observer)
}

/// The tree of the texts' tokens, which most prompts have in common.
#[derive(Default)]
struct Tries {
    last: Option<(Vec<Vec<u32>>, Arc<TokenTrie>)>,
}

impl Tries {
    fn of(
        &mut self,
        model: &LoadedModel,
        index: usize,
        prompt: &[u32],
        texts: &[String],
    ) -> Result<Arc<TokenTrie>, ModelError> {
        let tokens: Result<Vec<Vec<u32>>, ModelError> =
            texts.iter().map(|text| model.tokenizer.continuation(prompt, text)).collect();
        let tokens = tokens?;
        match &self.last {
            Some((last, trie)) if *last == tokens => Ok(trie.clone()),
            _ => {
                tokens.iter().try_for_each(|tokens| known(model.llama.config(), index, tokens))?;
                let trie = Arc::new(TokenTrie::new(&tokens));
                self.last = Some((tokens, trie.clone()));
                Ok(trie)
            }
        }
    }
}

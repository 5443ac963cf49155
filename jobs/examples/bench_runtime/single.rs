//! One sequence with 8-bit weights: decoding alone, from the first new token on.

use empiric_jobs::model::{LoadOptions, ModelFiles, Precision, load_with};

use crate::batch::answer;
use crate::contract::{Arguments, Failure, Prompt, Report};

/// Seconds for all new tokens but the first, which the pass over the prompt gives.
pub fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let files = ModelFiles { weights: arguments.model.clone(), ..ModelFiles::default() };
    let model = load_with(&files, LoadOptions { weights: Precision::Q8_0, ..LoadOptions::default() })?;
    let prompts: Vec<Vec<u32>> = arguments.lines::<Prompt>()?.into_iter().map(|line| line.tokens).collect();
    let collect = answer(&model, &prompts[..1], arguments, arguments.new_tokens)?;
    let decoding = collect.passes.get(1).ok_or("the answer has one token; there is nothing to measure")?;
    Ok(Report::new(*decoding, collect.answers[0].len() - 1).with("answers", collect.answers))
}

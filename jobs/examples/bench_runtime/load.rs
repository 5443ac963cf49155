//! From a file on disk to the first token of an answer.

use std::time::Instant;

use crate::batch::answer;
use crate::contract::{Arguments, Failure, Prompt, Report};

/// Seconds from nothing to the first token.
pub fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let prompts: Vec<Vec<u32>> = arguments.lines::<Prompt>()?.into_iter().map(|line| line.tokens).collect();
    let started = Instant::now();
    let model = arguments.load()?;
    let answers = answer(&model, &prompts[..1], arguments, 1)?.answers;
    Ok(Report::new(started, 1).with("answers", answers))
}

//! Many chats that share a beginning, answered greedily.

use std::time::Instant;

use empiric_jobs::model::{Flow, Generated, GenerationOptions, LoadedModel, Observer, Totals, generate};

use crate::contract::{Arguments, Failure, Prompt, Report};

/// Keeps the answers in the order of the prompts, and when each pass began.
#[derive(Default)]
pub struct Collect {
    /// Token ids of each answer.
    pub answers: Vec<Vec<u32>>,
    /// One instant a pass.
    pub passes: Vec<Instant>,
}

impl Observer for Collect {
    fn before_pass(&mut self, _: Totals) -> Flow {
        self.passes.push(Instant::now());
        Flow::Continue
    }

    fn finished(&mut self, index: usize, answer: Generated) -> Flow {
        self.answers[index] = answer.tokens;
        Flow::Continue
    }
}

/// Answers the prompts.
pub fn answer(
    model: &LoadedModel,
    prompts: &[Vec<u32>],
    arguments: &Arguments,
    max_tokens: usize,
) -> Result<Collect, Failure> {
    let options = GenerationOptions { max_tokens, batch: arguments.batch, ..GenerationOptions::default() };
    let mut collect = Collect { answers: vec![Vec::new(); prompts.len()], passes: Vec::new() };
    generate(model, prompts, &options, &mut collect)?;
    Ok(collect)
}

/// Seconds for all answers, without loading.
pub fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let model = arguments.load()?;
    let prompts: Vec<Vec<u32>> = arguments.lines::<Prompt>()?.into_iter().map(|line| line.tokens).collect();
    let started = Instant::now();
    let answers = answer(&model, &prompts, arguments, arguments.new_tokens)?.answers;
    let tokens = answers.iter().map(Vec::len).sum();
    Ok(Report::new(started, tokens).with("answers", answers))
}

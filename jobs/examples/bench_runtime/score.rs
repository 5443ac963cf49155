//! Log-probabilities of labels after prompts that share a beginning.

use std::time::Instant;

use empiric_jobs::model::{Candidates, Flow, Likelihood, Observer, ScoreOptions, Totals, TurnEnd, score};

use crate::contract::{Arguments, Failure, Prompt, Report};

/// A line of `score.jsonl`.
#[derive(serde::Deserialize)]
struct Line {
    tokens: Vec<u32>,
    labels: Vec<Prompt>,
}

/// One number a label, in the order of the prompts.
struct Scores(Vec<Vec<f64>>);

impl Observer<Vec<Likelihood>> for Scores {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, index: usize, likelihoods: Vec<Likelihood>) -> Flow {
        self.0[index] = likelihoods.iter().map(|likelihood| likelihood.log_probability).collect();
        Flow::Continue
    }
}

fn candidates(line: Line) -> Candidates {
    let continuations = line.labels.into_iter().map(|label| label.tokens).collect();
    Candidates { prompt: line.tokens, continuations }
}

/// Seconds for all labels of all prompts, without loading.
pub fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let model = arguments.load()?;
    let candidates: Vec<Candidates> = arguments.lines()?.into_iter().map(candidates).collect();
    let options = ScoreOptions { batch: arguments.batch, end: TurnEnd::Ignored };
    let mut scores = Scores(vec![Vec::new(); candidates.len()]);
    let started = Instant::now();
    score(&model, &candidates, &options, &mut scores)?;
    let tokens = candidates.iter().flat_map(|c| &c.continuations).map(Vec::len).sum();
    Ok(Report::new(started, tokens).with("scores", scores.0))
}

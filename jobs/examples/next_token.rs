//! Prints tokens, the most likely next token and a greedy continuation of prompts, for comparison with
//! other implementations.
//!
//! Usage: `next_token MODEL < prompts.jsonl`, where each line is a JSON text that may hold special tokens.
//! Writes one JSON object a line: `{"tokens": [..], "next": id, "greedy": [..], "text": ".."}`.

use std::io::{BufRead, Write};
use std::path::Path;

use empiric_jobs::model::{Flow, Generated, GenerationOptions, Observer, Totals, generate, load};

const MAX_TOKENS: usize = 24;

#[derive(Default)]
struct Collect(Vec<Option<Generated>>);

impl Observer for Collect {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, index: usize, answer: Generated) -> Flow {
        self.0[index] = Some(answer);
        Flow::Continue
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: next_token MODEL < prompts.jsonl")?;
    let started = std::time::Instant::now();
    let model = load(Path::new(&path))?;
    let loaded = started.elapsed().as_secs_f64();
    let mut prompts = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        prompts.push(model.tokenizer.encode(&text)?);
    }
    let options = GenerationOptions { max_tokens: MAX_TOKENS, stop: &[], batch: 32, ..Default::default() };
    let mut answers = Collect(vec![None; prompts.len()]);
    let started = std::time::Instant::now();
    generate(&model, &prompts, &options, &mut answers)?;
    let mut output = std::io::stdout().lock();
    for (tokens, answer) in prompts.iter().zip(answers.0) {
        let answer = answer.ok_or("a prompt was not answered")?;
        let line = serde_json::json!({"tokens": tokens, "next": answer.tokens.first(),
            "greedy": answer.tokens, "text": answer.text});
        writeln!(output, "{line}")?;
    }
    let read: usize = prompts.iter().map(Vec::len).sum();
    writeln!(
        std::io::stderr(),
        "loaded in {loaded:.2} s; {read} prompt tokens, {:.2} s",
        started.elapsed().as_secs_f64()
    )?;
    Ok(())
}

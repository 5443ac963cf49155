//! Measures label scoring: 256 prompts that share their system message, 4 labels each.
//!
//! Usage: `score_throughput MODEL`. Prints one JSON object: seconds with and without the end of the turn, the
//! seconds of one plain pass for each prompt and label (of which only the first 32 are run), and tokens.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use empiric_jobs::model::{
    Candidates, Flow, KvCache, Likelihood, LoadedModel, Message, Observer, Role, ScoreOptions, Segment,
    Totals, TurnEnd, load, score,
};

const SYSTEM: &str = "You sort questions of the staff of a hotel. Use only what the handbook says. \
    Answer with the name of one department, and nothing else. If the handbook does not say \
    who answers such a question, answer that the front desk has to be asked about it, please.";
const WORDS: [&str; 12] = [
    "parking", "uniform", "guest", "allergy", "kitchen", "payroll", "leave", "night", "key", "desk",
    "report", "form",
];
const LABELS: [&str; 4] = ["kitchen", "front desk", "human resources", "security"];
const PROMPTS: usize = 256;
const PLAIN: usize = 32;

#[derive(Default)]
struct Sum(f64);

impl Observer<Vec<Likelihood>> for Sum {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, _: usize, scores: Vec<Likelihood>) -> Flow {
        self.0 += scores.iter().map(|score| score.log_probability).sum::<f64>();
        Flow::Continue
    }
}

fn candidates(model: &LoadedModel) -> Result<Vec<Candidates>, Box<dyn Error>> {
    let mut candidates = Vec::new();
    for i in 0..PROMPTS {
        let words: Vec<&str> = (0..50 + i % 40).map(|j| WORDS[(i * 7 + j * j) % WORDS.len()]).collect();
        let user = format!("{i}: {}", words.join(" "));
        let messages = [Message::new(Role::System, SYSTEM), Message::new(Role::User, user)];
        let prompt = model.prompt(&messages, "")?;
        let mut continuations = Vec::new();
        for label in LABELS {
            continuations.push(model.tokenizer.continuation(&prompt, label)?);
        }
        candidates.push(Candidates { prompt, continuations });
    }
    Ok(candidates)
}

fn measure(model: &LoadedModel, candidates: &[Candidates], end: TurnEnd) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    score(model, candidates, &ScoreOptions { batch: 32, end }, &mut Sum::default())?;
    Ok(started.elapsed().as_secs_f64())
}

/// Reads each prompt with each label from the beginning, one after another.
fn plain(model: &LoadedModel, candidates: &[Candidates]) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    for candidates in candidates {
        for continuation in &candidates.continuations {
            let text = [candidates.prompt.as_slice(), continuation].concat();
            let wanted: Vec<u32> = (candidates.prompt.len() as u32 - 1..text.len() as u32).collect();
            let mut cache = KvCache::new(model.llama.config(), text.len());
            model
                .llama
                .forward_at(&mut [Segment { tokens: &text, cache: &mut cache, adapter: None }], &wanted)?;
        }
    }
    Ok(started.elapsed().as_secs_f64())
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: score_throughput MODEL")?;
    let model = load(Path::new(&path))?;
    let candidates = candidates(&model)?;
    let with_end = measure(&model, &candidates, TurnEnd::Scored)?;
    let without_end = measure(&model, &candidates, TurnEnd::Ignored)?;
    let plain = plain(&model, &candidates[..PLAIN])? * (PROMPTS / PLAIN) as f64;
    let prompt_tokens: usize = candidates.iter().map(|c| c.prompt.len()).sum();
    let label_tokens: usize = candidates.iter().flat_map(|c| &c.continuations).map(Vec::len).sum();
    let report = serde_json::json!({
        "seconds_with_end": with_end,
        "seconds_without_end": without_end,
        "seconds_of_plain_passes_estimated": plain,
        "prompt_tokens": prompt_tokens,
        "label_tokens": label_tokens,
    });
    writeln!(std::io::stdout(), "{report:#}")?;
    Ok(())
}

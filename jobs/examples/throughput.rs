//! Measures loading, reading, generating, and a batch of 64 chats that share their system message.
//!
//! Usage: `throughput MODEL`. Prints one JSON object: seconds, tokens per second, tokens.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use empiric_jobs::model::{
    Flow, Generated, GenerationOptions, KvCache, LoadedModel, Message, Observer, Role, Segment, Totals,
    generate, load,
};

const SYSTEM: &str = "You answer questions of the staff of a hotel. Use only what the handbook says. \
    Answer with a short phrase, a number or a date, and nothing else. If the handbook does not say \
    it, answer that you do not know and name the person to ask about it, please.";
const WORDS: [&str; 12] = [
    "parking", "uniform", "guest", "allergy", "kitchen", "payroll", "leave", "night", "key", "desk",
    "report", "form",
];
const STEPS: usize = 16;

/// A sequence's length for [`read_and_write`].
const LENGTH: usize = 160;

#[derive(Default)]
struct Count(Totals);

impl Observer for Count {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.0 = totals;
        Flow::Continue
    }

    fn finished(&mut self, _: usize, _: Generated) -> Flow {
        Flow::Continue
    }
}

fn chats(model: &LoadedModel) -> Result<Vec<Vec<u32>>, Box<dyn Error>> {
    let mut prompts = Vec::new();
    for i in 0..64 {
        let words: Vec<&str> = (0..50 + i % 40).map(|j| WORDS[(i * 7 + j * j) % WORDS.len()]).collect();
        // The number keeps the questions apart: they share the system message and nothing else.
        let question = format!("{i}: {}", words.join(" "));
        let messages = [Message::new(Role::System, SYSTEM), Message::new(Role::User, question)];
        prompts.push(model.prompt(&messages, "")?);
    }
    Ok(prompts)
}

/// Tokens per second of reading and of generating with this many sequences.
fn read_and_write(model: &LoadedModel, rows: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let config = model.llama.config();
    let mut caches = vec![KvCache::new(config, LENGTH + STEPS); rows];
    let prompt: Vec<u32> = (0..LENGTH as u32).map(|i| 1000 + i).collect();
    let started = Instant::now();
    for some in caches.chunks_mut(3) {
        step(model, some, &prompt)?;
    }
    let read = (rows * LENGTH) as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    for _ in 0..STEPS {
        step(model, &mut caches, &prompt[..1])?;
    }
    Ok((read, (rows * STEPS) as f64 / started.elapsed().as_secs_f64()))
}

fn step(model: &LoadedModel, caches: &mut [KvCache], tokens: &[u32]) -> Result<(), Box<dyn Error>> {
    let mut segments: Vec<Segment<'_>> =
        caches.iter_mut().map(|cache| Segment { tokens, cache, adapter: None }).collect();
    model.llama.forward(&mut segments)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: throughput MODEL")?;
    let started = Instant::now();
    let model = load(Path::new(&path))?;
    let loading = started.elapsed().as_secs_f64();
    let (read, write) = read_and_write(&model, 32)?;
    let (read_one, write_one) = read_and_write(&model, 1)?;
    let prompts = chats(&model)?;
    let mut count = Count::default();
    let options = GenerationOptions { max_tokens: STEPS, stop: &[], batch: 32, ..Default::default() };
    let started = Instant::now();
    generate(&model, &prompts, &options, &mut count)?;
    let report = serde_json::json!({
        "load_seconds": loading,
        "read_tokens_per_second": {"1": read_one, "32": read},
        "write_tokens_per_second": {"1": write_one, "32": write},
        "chats": {"seconds": started.elapsed().as_secs_f64(), "prompt_tokens": count.0.prompt_tokens,
            "new_tokens": count.0.completion_tokens},
    });
    writeln!(std::io::stdout(), "{report:#}")?;
    Ok(())
}

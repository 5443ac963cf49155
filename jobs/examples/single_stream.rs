//! Measures one sequence at a time with 32-bit and with 8-bit weights, and how often the two agree.
//!
//! Usage: `single_stream MODEL`. Prints one JSON object: seconds, tokens per second, shares.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use empiric_jobs::model::{
    Flow, GenerationOptions, KvCache, LoadOptions, LoadedModel, Message, ModelFiles, Precision, Role,
    Segment, load_with, stream,
};

const QUESTIONS: [&str; 24] = [
    "What is the capital of France?",
    "How much is 17 + 25?",
    "Who wrote Hamlet?",
    "Name three colours.",
    "Is the earth flat?",
    "What do bees make?",
    "Translate `good morning` to German.",
    "Why is the sky blue?",
    "When does a hotel guest have to leave the room?",
    "Write one sentence about the sea.",
    "What is the opposite of `cold`?",
    "List the days of the week.",
    "What is a noun?",
    "How do plants get energy?",
    "Which planet is the largest?",
    "Give me a word that rhymes with `cat`.",
    "What is 9 times 8?",
    "Who was the first person on the moon?",
    "What does a baker do?",
    "Complete: to be or not to",
    "How many legs does a spider have?",
    "What language is spoken in Brazil?",
    "What is water made of?",
    "Explain what a library is.",
];
const NEW_TOKENS: usize = 64;
const REPEATS: usize = 5;

fn prompts(model: &LoadedModel) -> Result<Vec<Vec<u32>>, Box<dyn Error>> {
    let prompt = |question: &&str| model.prompt(&[Message::new(Role::User, *question)], "");
    Ok(QUESTIONS.iter().map(prompt).collect::<Result<_, _>>()?)
}

/// Tokens per second of reading a prompt and of writing after it: medians.
fn speeds(model: &LoadedModel, prompt: &[u32]) -> Result<(f64, f64), Box<dyn Error>> {
    let (mut read, mut write) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let mut cache = KvCache::new(model.llama.config(), prompt.len() + NEW_TOKENS);
        let started = Instant::now();
        step(model, &mut cache, prompt)?;
        read.push(prompt.len() as f64 / started.elapsed().as_secs_f64());
        let started = Instant::now();
        for token in 0..NEW_TOKENS as u32 {
            step(model, &mut cache, &[1000 + token])?;
        }
        write.push(NEW_TOKENS as f64 / started.elapsed().as_secs_f64());
    }
    Ok((median(read), median(write)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The most likely token after these.
fn step(model: &LoadedModel, cache: &mut KvCache, tokens: &[u32]) -> Result<u32, Box<dyn Error>> {
    let logits = model.llama.forward(&mut [Segment { tokens, cache, adapter: None }])?;
    Ok(logits.argmax(1)?.to_vec1::<u32>()?[0])
}

/// The greedy answer's tokens.
fn answer(model: &LoadedModel, prompt: &[u32]) -> Result<Vec<u32>, Box<dyn Error>> {
    let options = GenerationOptions { max_tokens: NEW_TOKENS, stop: &[], batch: 1, ..Default::default() };
    let answer = stream(model, prompt, &options, &mut |_| Flow::Continue)?;
    Ok(answer.ok_or("the answer was stopped")?.tokens)
}

/// How many next tokens agree after the same beginnings, and how many there were.
fn agreement(exact: &LoadedModel, small: &LoadedModel) -> Result<(usize, usize, usize), Box<dyn Error>> {
    let (mut equal, mut total, mut whole) = (0, 0, 0);
    for prompt in prompts(exact)? {
        let expected = answer(exact, &prompt)?;
        let mut cache = KvCache::new(small.llama.config(), prompt.len() + expected.len());
        let mut tokens = prompt;
        let mut same = 0;
        for token in &expected {
            same += usize::from(step(small, &mut cache, &tokens)? == *token);
            tokens = vec![*token];
        }
        equal += same;
        total += expected.len();
        whole += usize::from(same == expected.len());
    }
    Ok((equal, total, whole))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path: PathBuf = std::env::args().nth(1).ok_or("usage: single_stream MODEL")?.into();
    let files = ModelFiles { weights: path, ..ModelFiles::default() };
    let load = |weights| -> Result<(LoadedModel, f64), Box<dyn Error>> {
        let started = Instant::now();
        let model = load_with(&files, LoadOptions { weights, ..LoadOptions::default() })?;
        Ok((model, started.elapsed().as_secs_f64()))
    };
    let (exact, exact_load) = load(Precision::F32)?;
    let (small, small_load) = load(Precision::Q8_0)?;
    let prompt: Vec<u32> = (0..150).map(|i| 1000 + i).collect();
    let (exact_read, exact_write) = speeds(&exact, &prompt)?;
    let (small_read, small_write) = speeds(&small, &prompt)?;
    let (equal, total, whole) = agreement(&exact, &small)?;
    let report = serde_json::json!({
        "load_seconds": {"f32": exact_load, "q8_0": small_load},
        "read_tokens_per_second": {"f32": exact_read, "q8_0": small_read},
        "write_tokens_per_second": {"f32": exact_write, "q8_0": small_write},
        "agreement": {"next_tokens_equal": equal, "next_tokens": total, "answers_equal": whole,
            "answers": QUESTIONS.len()},
    });
    writeln!(std::io::stdout(), "{report:#}")?;
    Ok(())
}

//! Measures embedding of 1,000 sentences of 5 to 60 tokens.
//!
//! Usage: `embed_throughput FOLDER [TEXTS]`, where the folder holds all-MiniLM-L6-v2. With TEXTS, the sentences
//! are also written there, one JSON text a line, for comparison with other implementations. Prints one JSON
//! object: seconds of loading, the median of five repeats with sentences and tokens per second, peak memory.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use empiric_jobs::embed::SentenceEncoder;
use empiric_jobs::meter::Meter;

const SENTENCES: usize = 1_000;
const REPEATS: usize = 5;
const SUBJECTS: [&str; 10] = [
    "parking",
    "the night shift",
    "overtime pay",
    "a guest's allergy",
    "lost property",
    "the fire drill",
    "annual leave",
    "the master key",
    "a broken lift",
    "the laundry",
];
const TEMPLATES: [&str; 8] = [
    "When is {}?",
    "Who must be told about {}?",
    "What does the handbook say about {} at weekends and on bank holidays?",
    "I could not find the page about {}, can you help me?",
    "A colleague at the front desk asked me about {} and I was not sure what to answer her.",
    "Questions about {} go to the duty manager, who writes them into the log and answers within 24 hours.",
    "Since the change of 1 March 2026 the rules for {} are the same in all 17 houses of the group, and exceptions need \
     the written consent of the general manager and of the head of the department.",
    "Before anyone is called about {}, look into the folder behind the desk: the first page lists names and numbers, \
     the second says what to do at night, and the third has the forms that must be filled in and signed by both \
     people on duty before the end of the shift.",
];

fn sentences() -> Vec<String> {
    let sentence = |i: usize| {
        let subject = SUBJECTS[(i / TEMPLATES.len()) % SUBJECTS.len()];
        let text = TEMPLATES[i % TEMPLATES.len()].replace("{}", subject);
        format!("{text} Ref. {}", i * 7_919 % 10_000)
    };
    (0..SENTENCES).map(sentence).collect()
}

fn write_texts(path: &Path, texts: &[String]) -> Result<(), Box<dyn Error>> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for text in texts {
        writeln!(file, "{}", serde_json::to_string(text)?)?;
    }
    Ok(file.flush()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or("usage: embed_throughput FOLDER [TEXTS]")?;
    let texts = sentences();
    if let Some(path) = arguments.next() {
        write_texts(Path::new(&path), &texts)?;
    }
    let meter = Meter::start();
    let encoder = SentenceEncoder::load_folder(Path::new(&folder))?;
    let loading = meter.seconds();
    let mut seconds = Vec::new();
    let mut tokens = 0;
    for _ in 0..REPEATS {
        let started = Instant::now();
        tokens = encoder.embed(&texts)?.tokens;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[REPEATS / 2];
    let report = serde_json::json!({
        "load_seconds": loading, "sentences": SENTENCES, "tokens": tokens, "seconds": seconds,
        "sentences_per_second": SENTENCES as f64 / median, "tokens_per_second": tokens as f64 / median,
        "peak_memory": meter.usage().peak_memory,
    });
    writeln!(std::io::stdout(), "{report:#}")?;
    Ok(())
}

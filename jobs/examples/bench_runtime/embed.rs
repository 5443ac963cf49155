//! Sentences to vectors.

use std::time::Instant;

use empiric_jobs::embed::SentenceEncoder;

use crate::contract::{Arguments, Failure, Report};

/// So many vectors are printed, for comparison.
const SHOWN: usize = 8;

/// A line of `embed.jsonl`.
#[derive(serde::Deserialize)]
struct Sentence {
    text: String,
}

/// Seconds for all sentences, cutting them into tokens included, without loading.
pub fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let encoder = SentenceEncoder::load_folder(&arguments.model)?;
    let texts: Vec<String> = arguments.lines::<Sentence>()?.into_iter().map(|line| line.text).collect();
    let started = Instant::now();
    let vectors = encoder.embed(&texts)?;
    let report = Report::new(started, usize::try_from(vectors.tokens)?);
    let shown: Vec<Vec<f32>> = vectors.rows().take(SHOWN).map(<[f32]>::to_vec).collect();
    Ok(report.with("vectors", shown))
}

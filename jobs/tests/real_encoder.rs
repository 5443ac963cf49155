//! Vectors of all-MiniLM-L6-v2 against those that sentence-transformers made of the same weights; the
//! fixture says how they were made.

use std::path::PathBuf;

use empiric_jobs::embed::{SentenceEncoder, Vectors};

const VARIABLE: &str = "EMPIRIC_TEST_ENCODER";
const FIXTURE: &str = include_str!("fixtures/minilm_vectors.json");

#[derive(serde::Deserialize)]
struct Fixture {
    items: Vec<Reference>,
}

#[derive(serde::Deserialize)]
struct Reference {
    text: String,
    vector: Vec<f32>,
}

fn encoder() -> SentenceEncoder {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!(
            "{VARIABLE} is not set: it names the folder of all-MiniLM-L6-v2; `make test` fetches it and sets it"
        );
    };
    SentenceEncoder::load_folder(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn references() -> Vec<Reference> {
    let fixture: Fixture = serde_json::from_str(FIXTURE).unwrap();
    fixture.items
}

/// The largest difference of two numbers, and the text it is in.
fn farthest<'a>(references: &'a [Reference], vectors: &Vectors) -> (f32, &'a str) {
    let mut farthest = (0.0, "");
    for (reference, vector) in references.iter().zip(vectors.rows()) {
        assert_eq!(reference.vector.len(), vector.len());
        for (expected, found) in reference.vector.iter().zip(vector) {
            let difference = (expected - found).abs();
            assert!(!difference.is_nan());
            if difference > farthest.0 {
                farthest = (difference, reference.text.as_str());
            }
        }
    }
    farthest
}

#[test]
fn vectors_are_those_of_another_implementation() {
    let references = references();
    assert_eq!(references.len(), 24);
    let texts: Vec<&str> = references.iter().map(|reference| reference.text.as_str()).collect();
    let (difference, text) = farthest(&references, &encoder().embed(&texts).unwrap());
    println!("largest difference {difference:e}");
    assert!(difference < 1e-5, "{difference} in `{text}`");
}

#[test]
fn a_text_alone_has_the_vector_that_it_has_in_a_batch() {
    let encoder = encoder();
    let references = references();
    let texts: Vec<String> = (0..120).map(|i| format!("{} {i}", references[i % 24].text)).collect();
    let together = encoder.embed(&texts).unwrap();
    for (text, expected) in texts.iter().zip(together.rows()).step_by(7) {
        let alone = encoder.embed(&[text]).unwrap();
        for (found, expected) in alone.values.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected} in `{text}`");
        }
    }
}

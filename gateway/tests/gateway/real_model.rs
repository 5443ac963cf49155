//! A real model behind the gateway. Needs `EMPIRIC_TEST_MODEL`, as the tests of the runtime do.

use std::collections::BTreeMap;

use empiric_jobs::answer::Answerer;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::id::ModelId;
use empiric_schema::spec::StageName;
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};

use crate::fixture::*;

const VARIABLE: &str = "EMPIRIC_TEST_MODEL";

#[tokio::test(flavor = "multi_thread")]
async fn a_real_model_says_what_it_says_in_an_evaluation() {
    let Some(path) = std::env::var_os(VARIABLE).map(std::path::PathBuf::from) else {
        println!("skipped: {VARIABLE} is not set");
        return;
    };
    let mut setup = Setup::new().await;
    let bytes = std::fs::read(&path).unwrap();
    let weights = ArtifactRef {
        digest: Digest::of(&bytes),
        size: bytes.len() as u64,
        media_type: "application/x-gguf".into(),
    };
    setup.files.0.insert(weights.digest.clone(), path);
    let version = SystemVersion {
        model: ModelBinding { id: ModelId::new("small"), weights, files: BTreeMap::new() }.into(),
        adapter: None,
        prompt: Prompt {
            system: "Answer in one word.".into(),
            user: "{{input}}".into(),
            answer_cue: String::new(),
        },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 12, stop: vec![], labels: None },
        retrieval: None,
        tools: None,
    };
    setup.expose(&version, StageName::Internal).await;
    let question = "What is the capital of France?";
    let answerer = Answerer::load(version, &setup.files.0).unwrap();
    let measured = answerer.answer_batch(&[question]).unwrap().remove(0).text;
    drop(answerer);
    let running = setup.start().await;
    let (status, body) = running.ask(question).await;
    assert_eq!((status, body["choices"][0]["message"]["content"].as_str()), (200, Some(measured.as_str())));
    assert!(measured.contains("Paris"), "{measured}");
}

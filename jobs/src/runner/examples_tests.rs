//! Whole jobs of kind `examples` on a tiny random model.

use empiric_schema::job::*;
use empiric_schema::version::SystemVersion;

use super::fixture::{Job, lines, version};
use crate::train::read_examples;

fn job() -> Job {
    Job::new(|weights, items| {
        JobKind::Examples(Box::new(ExamplesParams {
            version: version(weights, items.clone()),
            items,
            share: 1.0,
            held_out: 0.34,
            variants: 2,
            distractors: 0,
            answers: Vec::new(),
        }))
    })
}

fn params(job: &mut Job) -> &mut ExamplesParams {
    match &mut job.file.spec.kind {
        JobKind::Examples(params) => params,
        _ => unreachable!("the fixture makes examples"),
    }
}

#[test]
fn examples_leave_chats_that_a_training_reads() {
    let job = job();
    let exit = job.run();
    let expected = (ExitClass::Success, "2 chats to learn from, 1 held out, of 3 items");
    assert_eq!((exit.class, exit.message.as_str()), expected);
    let chats = read_examples(&job.path("out/train.jsonl")).unwrap();
    assert_eq!(chats.len(), 2);
    let dev: Vec<ChatExample> = lines(&job.path("out/dev.jsonl"));
    assert_eq!(dev.len(), 1);
    let figures = &exit.findings.figures;
    for (name, value) in [("items", 3.0), ("chats", 3.0), ("dev_chats", 1.0), ("left_out", 0.0)] {
        assert_eq!(figures[name], value, "{name}");
    }
    let longest = figures["longest_tokens"];
    assert!(longest > 20.0 && longest <= 512.0, "{longest}");
    // A demonstration, the question, and the answer after the version's cue.
    let roles: Vec<&str> = chats[0].messages.iter().map(|turn| turn.role.as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
    assert!(chats[0].messages[4].content.starts_with("A:"));
}

#[test]
fn the_same_examples_give_the_same_bytes() {
    let digests = || {
        let outputs = job().run().outputs;
        [TRAIN_CHATS_FILE, DEV_CHATS_FILE].map(|name| outputs[name].digest.clone())
    };
    assert_eq!(digests(), digests());
}

#[test]
fn examples_that_cannot_be_made_are_refused() {
    let check = |change: fn(&mut ExamplesParams), message: &str| {
        let mut job = job();
        change(params(&mut job));
        job.fails(ExitClass::InvalidInput, message);
    };
    check(|params| params.share = 0.0, "`share` is 0; expected more than 0 and at most 1");
    check(|params| params.share = f64::NAN, "job.json` is not a job file");
    check(|params| params.held_out = 1.0, "`held_out` is 1; expected at least 0 and less than 1");
    check(|params| params.variants = 0, "`variants` is 0; expected at least 1");
    check(|params| params.version.prompt.system = "x".repeat(600), "have more than 512 tokens");
    check(|params| params.version = endpoint(&params.version), "the model is behind an endpoint");
}

fn endpoint(version: &SystemVersion) -> SystemVersion {
    let model = r#"{"id":"big","endpoint":{"url":"https://h/v1","model":"m"}}"#;
    SystemVersion { model: serde_json::from_str(model).unwrap(), ..version.clone() }
}

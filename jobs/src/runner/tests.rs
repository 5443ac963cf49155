//! Whole jobs on a tiny random model.

use empiric_schema::budget::Spend;
use empiric_schema::grade::Assertion;
use empiric_schema::job::*;
use empiric_schema::version::Demonstrations;

mod adapter;
mod kept;

use super::fixture::{ITEMS, Job, evaluation, lines, reference, version};

fn params(job: &mut Job) -> &mut EvaluateParams {
    match &mut job.file.spec.kind {
        JobKind::Evaluate(params) => params,
        _ => unreachable!("the fixture is an evaluation"),
    }
}

#[test]
fn an_evaluation_leaves_results_progress_and_an_exit() {
    let job = evaluation();
    let exit = job.run();
    assert_eq!((exit.class, exit.message.as_str()), (ExitClass::Success, "2 of 2 items passed"));
    let results: Vec<ItemResult> = lines(&job.path("out/results.jsonl"));
    let order: Vec<(&str, u32)> = results.iter().map(|r| (r.id.as_str(), r.position)).collect();
    assert_eq!(order, [("c", 2), ("a", 0)]);
    let summary = exit.findings.evaluation.unwrap();
    assert_eq!((summary.passed.as_str(), summary.harmful.as_str()), ("11", "00"));
    let output = &exit.outputs["results.jsonl"];
    assert_eq!(output.digest, reference(&job.path("out/results.jsonl")).digest);
    let read: u64 = results.iter().map(|r| u64::from(r.prompt_tokens)).sum();
    assert_eq!(exit.usage.prompt_tokens, read);
    assert!(exit.usage.completion_tokens > 0 && exit.usage.seconds > 0.0);
    let progress: Vec<Progress> = lines(&job.path(PROGRESS_FILE));
    assert_eq!(progress[0].phase, "load");
    let last = progress.last().unwrap();
    assert_eq!((last.phase.as_str(), last.step, last.total, last.unit.as_str()), ("generate", 2, 2, "item"));
    assert_eq!(last.metrics["accuracy"], 1.0);
}

#[test]
fn the_same_job_gives_the_same_bytes() {
    let (one, two) = (evaluation(), evaluation());
    let digest = |job: &Job| job.run().outputs["results.jsonl"].digest.clone();
    assert_eq!(digest(&one), digest(&two));
}

#[test]
fn job_files_that_are_none_are_named() {
    let job = evaluation();
    let check = |text: Option<&str>, message: &str| {
        match text {
            Some(text) => std::fs::write(job.path(JOB_FILE), text).unwrap(),
            None => std::fs::remove_file(job.path(JOB_FILE)).unwrap_or_default(),
        }
        let exit = job.run_as_written();
        assert_eq!(exit.class, ExitClass::InvalidInput, "{}", exit.message);
        assert!(exit.message.contains("job.json") && exit.message.contains(message), "{}", exit.message);
    };
    check(None, "No such file");
    check(Some(""), "EOF");
    check(Some(r#"{"kind":"evaluate","version""#), "EOF");
    check(Some(r#"{"kind":"dance","seed":1}"#), "unknown variant `dance`");
}

#[test]
fn damaged_inputs_are_refused_before_use() {
    let mut job = evaluation();
    let weights = params(&mut job).version.model.weights().unwrap().weights.digest.clone();
    let path = job.file.inputs[&weights].clone();
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    job.fails(ExitClass::ArtifactCorrupt, "tiny.gguf` is damaged: it has sha256:");
    std::fs::write(&path, &bytes[..100]).unwrap();
    job.fails(ExitClass::ArtifactCorrupt, "it has 100 bytes, expected");
    std::fs::remove_file(&path).unwrap();
    job.fails(ExitClass::ArtifactCorrupt, "cannot read the input");
    job.file.inputs.remove(&weights);
    job.fails(ExitClass::InvalidInput, "no path for the input sha256:");
}

#[test]
fn weights_that_are_wrong_at_their_source_are_permanent() {
    let mut job = evaluation();
    let path = job.path("notes.txt");
    std::fs::write(&path, "GGUF is what these are not").unwrap();
    let items = params(&mut job).items.clone();
    params(&mut job).version = version(reference(&path), items);
    job.file.inputs.insert(reference(&path).digest, path);
    job.fails(ExitClass::InvalidInput, "the header of the GGUF file is malformed");
}

#[test]
fn bad_data_lines_are_named() {
    let mut job = evaluation();
    let path = job.path("items.jsonl");
    std::fs::write(&path, format!("{ITEMS}{{\"id\":\"d\"}}\n")).unwrap();
    params(&mut job).items = reference(&path);
    params(&mut job).version.demonstrations = Demonstrations::None;
    job.file.inputs.insert(reference(&path).digest, path);
    job.fails(ExitClass::InvalidInput, "items.jsonl:4: missing field `input`");
}

#[test]
fn parameters_that_cannot_be_met_are_refused() {
    let check = |change: fn(&mut Job), message: &str| {
        let mut job = evaluation();
        change(&mut job);
        job.fails(ExitClass::InvalidInput, message);
    };
    check(|job| params(job).positions = vec![0, 3], "position 3 is outside the data: the file has 3 items");
    check(|job| params(job).positions.clear(), "no positions");
    check(|job| params(job).assertions.clear(), "no assertions");
    check(
        |job| params(job).assertions = vec![Assertion::Regex { value: "[".into() }],
        "not a regular expression",
    );
    check(|job| params(job).version.prompt.user = "Hello".into(), "no `{{input}}`");
    check(|job| params(job).version.decoding.max_tokens = 0, "`max_tokens` is 0");
    check(|job| params(job).version.decoding.max_tokens = 600, "exceeds the model's context of 512");
    check(|job| job.file.outputs.push("more.txt".into()), "`more.txt` was asked for");
    check(|job| job.file.spec.kind = JobKind::Command { argv: vec!["true".into()] }, "`command`");
}

#[test]
fn a_reservation_stops_work_in_flight() {
    let mut job = evaluation();
    job.file.spec.reserve = Spend { tokens: 150, ..Spend::default() };
    job.fails(ExitClass::BudgetExhausted, "of 2 items");
    let mut job = evaluation();
    job.file.spec.reserve = Spend { device_seconds: 1e-6, ..Spend::default() };
    job.fails(ExitClass::BudgetExhausted, "device seconds of 0 reserved would be exceeded");
}

#[test]
fn forbidden_text_marks_the_answer_as_harmful() {
    let mut job = evaluation();
    let answer = {
        job.run();
        let results: Vec<ItemResult> = lines(&job.path("out/results.jsonl"));
        results[1].answer.clone()
    };
    assert!(!answer.is_empty());
    let path = job.path("items.jsonl");
    let escaped = serde_json::to_string(&answer).unwrap();
    let changed = ITEMS.replace(r#""forbidden":["zzzzzz"]"#, &format!(r#""forbidden":[{escaped}]"#));
    std::fs::write(&path, changed).unwrap();
    let old = params(&mut job).items.digest.clone();
    let items = reference(&path);
    job.file.inputs.remove(&old);
    job.file.inputs.insert(items.digest.clone(), path);
    let weights = params(&mut job).version.model.weights().unwrap().weights.clone();
    params(&mut job).version = version(weights, items.clone());
    params(&mut job).items = items;
    assert_eq!(job.run().findings.evaluation.unwrap().harmful, "01");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said_with_its_file() {
    let job = evaluation();
    // Every write to this device fails as on a full disk.
    std::os::unix::fs::symlink("/dev/full", job.path(PROGRESS_FILE)).unwrap();
    job.fails(ExitClass::DiskFull, PROGRESS_FILE);
}

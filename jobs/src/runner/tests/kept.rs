//! Jobs one after another in one process: faster, and otherwise as if each were alone.

use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use empiric_schema::id::ModelId;
use empiric_schema::job::Findings;
use empiric_schema::version::ModelBinding;

use super::*;
use crate::meter::Meter;
use crate::model::LoadedModel;
use crate::model::tiny::TinyModel;
use crate::runner::exit_file::ExitFile;
use crate::runner::kept::{Kept, Use};
use crate::runner::run::run_job;

/// Runs the job in a process that has run others.
fn serve(job: &Job, kept: &mut Kept) -> Exit {
    std::fs::write(job.path(JOB_FILE), serde_json::to_vec(&job.file).unwrap()).unwrap();
    let class = run_job(&job.path(""), &ExitFile::new(&job.path("")), &Meter::start(), kept);
    let exit: Exit = serde_json::from_slice(&std::fs::read(job.path(EXIT_FILE)).unwrap()).unwrap();
    assert_eq!(exit.class, class);
    exit
}

fn results(job: &Job) -> String {
    std::fs::read_to_string(job.path("out/results.jsonl")).unwrap()
}

/// The model that is held for this job's version, if it is held.
fn held(job: &mut Job, kept: &Kept) -> Option<Arc<LoadedModel>> {
    let model = params(job).version.model.clone();
    kept.models.get_or_load(&model.artifacts(), || Err(())).ok()
}

/// The same weights under another prompt, on other items, with other examples.
fn other() -> Job {
    let mut job = evaluation();
    params(&mut job).version.prompt.user = "Tell me: {{input}}".into();
    params(&mut job).version.prompt.answer_cue = String::new();
    let pool = params(&mut job).items.clone();
    params(&mut job).version.demonstrations = Demonstrations::Fixed { k: 2, pool };
    params(&mut job).version.decoding.max_tokens = 9;
    params(&mut job).positions = vec![1, 2];
    job
}

/// What was found, without how long it took.
fn untimed(mut findings: Findings) -> Findings {
    findings.evaluation.iter_mut().for_each(|summary| summary.seconds = 0.0);
    findings
}

#[test]
fn a_job_gives_the_same_bytes_after_any_other_as_alone() {
    let (alone, first, second, again) = (other(), evaluation(), other(), evaluation());
    let cold = alone.run();
    let mut kept = Kept::new(Use::Serving);
    let before = serve(&first, &mut kept);
    let warm = serve(&second, &mut kept);
    assert_eq!((warm.class, results(&second)), (ExitClass::Success, results(&alone)));
    assert_eq!(
        (warm.message, untimed(warm.findings), warm.outputs),
        (cold.message, untimed(cold.findings), cold.outputs)
    );
    let tokens = |exit: Usage| (exit.prompt_tokens, exit.completion_tokens);
    assert_eq!(tokens(warm.usage), tokens(cold.usage), "each job counts for itself");
    assert_eq!(untimed(serve(&again, &mut kept).findings), untimed(before.findings));
    assert_eq!(results(&again), results(&first));
    let lines: Vec<Progress> = lines(&second.path(PROGRESS_FILE));
    assert_eq!((lines[0].phase.as_str(), lines[0].usage.prompt_tokens), ("load", 0));
}

#[test]
fn weights_are_loaded_once_and_let_go_for_others() {
    let (mut first, mut second) = (evaluation(), other());
    let mut kept = Kept::new(Use::Serving);
    serve(&first, &mut kept);
    let model = held(&mut first, &kept).unwrap();
    serve(&second, &mut kept);
    assert!(Arc::ptr_eq(&model, &held(&mut second, &kept).unwrap()));

    let mut third = evaluation();
    let weights = TinyModel::new(6, true).write_gguf(&third.path(""), GgmlDType::Q8_0);
    params(&mut third).version.model =
        ModelBinding { id: ModelId::new("tiny"), weights: reference(&weights), files: Default::default() }
            .into();
    third.file.inputs.insert(reference(&weights).digest, weights);
    let cold = third.run();
    assert_eq!(serve(&third, &mut kept).outputs, cold.outputs);
    assert!(!Arc::ptr_eq(&model, &held(&mut third, &kept).unwrap()));
    assert_eq!(Arc::strong_count(&model), 1, "nothing else holds the first model");
}

#[test]
fn weights_that_change_on_disk_are_refused_although_they_are_in_memory() {
    let mut job = evaluation();
    let mut kept = Kept::new(Use::Serving);
    assert_eq!(serve(&job, &mut kept).class, ExitClass::Success);
    let weights = params(&mut job).version.model.artifacts()[0].digest.clone();
    let path = job.file.inputs[&weights].clone();
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let exit = serve(&job, &mut kept);
    assert_eq!(exit.class, ExitClass::ArtifactCorrupt, "{}", exit.message);
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(serve(&job, &mut kept).class, ExitClass::Success);
}

#[test]
fn a_job_that_fails_or_runs_out_of_budget_leaves_the_next_one_alone() {
    let alone = evaluation();
    alone.run();
    let mut kept = Kept::new(Use::Serving);
    let (mut wrong, mut small, last) = (evaluation(), evaluation(), evaluation());
    params(&mut wrong).positions = vec![9];
    small.file.spec.reserve = Spend { tokens: 150, ..Spend::default() };
    assert_eq!(serve(&wrong, &mut kept).class, ExitClass::InvalidInput);
    assert_eq!(serve(&small, &mut kept).class, ExitClass::BudgetExhausted);
    assert_eq!(serve(&last, &mut kept).class, ExitClass::Success);
    assert_eq!(results(&last), results(&alone));
}

#[test]
fn kinds_that_change_their_model_are_refused() {
    let mut job = evaluation();
    job.file.spec.kind = JobKind::Command { argv: vec!["true".into()] };
    let exit = serve(&job, &mut Kept::new(Use::Serving));
    assert_eq!(exit.class, ExitClass::InvalidInput);
    assert!(exit.message.contains("a warm runner runs no jobs of kind `command`"), "{}", exit.message);
}

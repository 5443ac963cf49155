//! One job from its folder to its exit file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use empiric_schema::job::{EXIT_FILE, Exit, ExitClass, JOB_FILE, JobFile, JobKind};

use super::exit_file::{ExitFile, Written};
use super::kept::{Kept, Use};
use super::{inputs, lifeline, signals};
use crate::error::JobError;
use crate::kinds::{
    Context, Done, baseline, cluster, drift, embed, evaluate, examples, index, probe, reflect, score,
    train_sft,
};
use crate::meter::Meter;

/// Runs the job in this folder and writes its `exit.json`. The class's code is the process's exit code.
///
/// Never fails or panics: everything that goes wrong becomes a class with a message.
pub fn run(folder: &Path) -> ExitClass {
    lifeline::watch();
    let meter = Arc::new(Meter::start());
    let exit_file = Arc::new(ExitFile::new(folder));
    let _listener = match signals::listen(exit_file.clone(), meter.clone()) {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, "signals cannot be watched: SIGTERM will leave no {EXIT_FILE}");
            None
        }
    };
    run_job(folder, &exit_file, &meter, &mut Kept::new(Use::Once))
}

/// One job in a process that may run another afterwards.
pub(super) fn run_job(folder: &Path, exit_file: &ExitFile, meter: &Meter, kept: &mut Kept) -> ExitClass {
    let outcome = catch_unwind(AssertUnwindSafe(|| execute(folder, meter, kept)));
    let outcome = outcome.unwrap_or_else(|panic| Err(JobError::Panic(panic_message(panic.as_ref()))));
    leave(exit_file, exit(outcome, meter))
}

fn execute(folder: &Path, meter: &Meter, kept: &mut Kept) -> Result<Done, JobError> {
    let file = read_job(folder)?;
    kept.check(&file.spec.kind)?;
    use_threads(file.threads);
    meter.begin(file.spec.endpoint().and_then(|endpoint| endpoint.price));
    inputs::verify(&file, &mut kept.verified)?;
    let context = Context { folder, file: &file, meter, models: &kept.models };
    context.check_outputs()?;
    match &file.spec.kind {
        JobKind::Evaluate(params) => evaluate::run(context, params),
        JobKind::Score(params) => score::run(context, params),
        JobKind::Embed(params) => embed::run(context, params),
        JobKind::TrainSft(params) => train_sft::run(context, params),
        JobKind::Index(params) => index::run(context, params),
        JobKind::Probe(params) => probe::run(context, params),
        JobKind::Cluster(params) => cluster::run(context, params),
        JobKind::Examples(params) => examples::run(context, params),
        JobKind::Reflect(params) => reflect::run(context, params),
        JobKind::Baseline(params) => baseline::run(context, params),
        JobKind::Drift(params) => drift::run(context, params),
        JobKind::Command { .. } => {
            let reason = "a job of kind `command` is its own program: the dispatcher starts it directly";
            Err(JobError::Parameters(reason.to_owned()))
        }
    }
}

fn read_job(folder: &Path) -> Result<JobFile, JobError> {
    let path = folder.join(JOB_FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(JobError::ReadJob { path, source }),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        // A wrong kind is the better reason, where it is one, than a field that its absence leaves missing.
        let source = serde_json::from_slice::<JobKind>(&bytes).err().unwrap_or(error);
        JobError::ParseJob { path, source }
    })
}

/// Limits the pool of threads. A process that already has one keeps it.
fn use_threads(threads: u32) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize);
    if let Err(error) = pool.build_global() {
        tracing::debug!(%error, "the pool of threads stays as it is");
    }
}

fn exit(outcome: Result<Done, JobError>, meter: &Meter) -> Exit {
    let usage = meter.usage();
    match outcome {
        Ok(done) => Exit {
            class: ExitClass::Success,
            message: done.message,
            outputs: done.outputs,
            findings: done.findings,
            usage,
        },
        Err(error) => Exit {
            class: error.class(),
            message: error.sentence(),
            outputs: Default::default(),
            findings: Default::default(),
            usage,
        },
    }
}

fn leave(exit_file: &ExitFile, exit: Exit) -> ExitClass {
    match exit_file.write(&exit) {
        Ok(Written::Now) => exit.class,
        // The signal thread wrote it and is ending the process.
        Ok(Written::Before) => ExitClass::Cancelled,
        Err(error) => {
            let error = JobError::Write(error);
            tracing::error!(
                message = exit.message,
                error = error.sentence(),
                "the exit file cannot be written"
            );
            if exit.class == ExitClass::Success { error.class() } else { exit.class }
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".to_owned())
}

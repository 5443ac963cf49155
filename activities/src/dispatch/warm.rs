//! Warm runners: processes that keep a model loaded and run one job after another (`empiric job serve`).
//!
//! A dispatcher serves one device. Between jobs its pool keeps at most one runner for each model, and only
//! while that is worth its memory. A runner that a job leaves in doubt ends by itself and never comes back
//! here. What a job does in a runner is left to `empiric_jobs::runner`, where nothing but verified weights
//! goes from one job to the next.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use empiric_schema::artifact::Digest;
use empiric_schema::job::JobKind;
use tokio::time::Instant;
use uuid::Uuid;

use super::environment;
use super::error::JobFailure;
use super::memory::MemoryGauge;
use super::output::Output;
use super::process::{Process, Program};

/// When a runner is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmSettings {
    /// A runner without a job for this long is ended.
    pub idle: Duration,
    /// Below this much available memory, in bytes, no runner is kept.
    pub least_memory: u64,
    /// Models that may stay loaded between jobs; the one used last stays longest.
    pub models: usize,
}

impl Default for WarmSettings {
    fn default() -> Self {
        // A gigabyte is what the next job of a small model may want beside the one that waits.
        Self { idle: Duration::from_secs(60), least_memory: 1 << 30, models: 2 }
    }
}

/// How runners are started, and how often they are looked at.
#[derive(Debug)]
pub(super) struct RunnerProgram {
    pub(super) argv: Vec<String>,
    pub(super) folder: PathBuf,
    pub(super) threads: u32,
    /// Where their jobs compute, if that is not main memory.
    pub(super) device: Option<String>,
    pub(super) grace: Duration,
    pub(super) look: Duration,
}

/// The model that a job's runner keeps, by its files; none for kinds that need a process of their own.
pub(super) fn model_of(kind: &JobKind) -> Option<Digest> {
    let files: Vec<&Digest> = kind.warm_model()?.into_iter().map(|file| &file.digest).collect();
    Digest::of_json(&files).ok()
}

/// Whether a runner has had a job before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    New,
    Old,
}

impl Age {
    pub(super) fn is_old(self) -> bool {
        self == Self::Old
    }
}

/// The runners without a job. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct WarmPool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: RunnerProgram,
    settings: WarmSettings,
    gauge: MemoryGauge,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The one used last is at the end.
    idle: Vec<Idle>,
    /// Counts the times that a runner came back.
    returns: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Idle {
    model: Digest,
    process: Process,
    since: Instant,
    /// Which return it was.
    number: u64,
}

impl WarmPool {
    pub(super) fn new(program: RunnerProgram, settings: WarmSettings, gauge: MemoryGauge) -> Self {
        Self(Arc::new(Inner { program, settings, gauge, state: Mutex::default() }))
    }

    /// The waiting runner of this model, or a new one, for which others may have to go first.
    pub(super) async fn runner(&self, model: &Digest) -> Result<(Process, Age), JobFailure> {
        while let Some(mut idle) = self.0.take(|idle| idle.model == *model) {
            if idle.process.is_running() {
                return Ok((idle.process, Age::Old));
            }
            self.bury(idle.process, "it had ended between two jobs").await;
        }
        self.make_room().await;
        Ok((self.0.program.start()?, Age::New))
    }

    /// Takes back a runner that is done with its job.
    pub(super) async fn put_back(&self, model: Digest, process: Process) {
        match self.0.keep(model, process) {
            Ok(number) => drop(tokio::spawn(watch(Arc::downgrade(&self.0), number))),
            Err(refused) => return self.bury(refused.0, refused.1).await,
        }
        while let Some(idle) = self.0.take_beyond(self.0.settings.models) {
            self.bury(idle.process, "another model is used more").await;
        }
    }

    /// Ends all runners, also those that come back later.
    pub(super) async fn close(&self) {
        self.0.state().is_closed = true;
        while let Some(idle) = self.0.take(|_| true) {
            self.bury(idle.process, "the worker leaves").await;
        }
    }

    /// Ends a runner and waits until it is gone.
    pub(super) async fn bury(&self, process: Process, why: &str) {
        self.0.bury(process, why).await;
    }

    /// Ends runners of other models, where memory or places are short.
    async fn make_room(&self) {
        let others = if self.0.is_short() { 0 } else { self.0.settings.models.saturating_sub(1) };
        while let Some(idle) = self.0.take_beyond(others) {
            self.bury(idle.process, "another model needs its place").await;
        }
    }
}

impl RunnerProgram {
    fn start(&self) -> Result<Process, JobFailure> {
        let token = Uuid::new_v4().simple().to_string();
        let program = Program {
            argv: &self.argv,
            folder: &self.folder,
            token: &token,
            threads: self.threads,
            keys: Vec::new(),
            variables: environment::device(self.device.as_deref()).into_iter().collect(),
        };
        program.start(Output::default())
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, is_it: impl Fn(&Idle) -> bool) -> Option<Idle> {
        let mut state = self.state();
        let index = state.idle.iter().position(is_it)?;
        Some(state.idle.remove(index))
    }

    /// The runner unused for longest, if more than `most` wait.
    fn take_beyond(&self, most: usize) -> Option<Idle> {
        let mut state = self.state();
        (state.idle.len() > most).then(|| state.idle.remove(0))
    }

    fn is_short(&self) -> bool {
        self.gauge.available().is_some_and(|bytes| bytes < self.settings.least_memory)
    }

    /// Adds a runner to those that wait, or gives it back with the reason why not.
    fn keep(&self, model: Digest, process: Process) -> Result<u64, Box<(Process, &'static str)>> {
        let is_short = self.is_short();
        let mut state = self.state();
        let why = if state.is_closed {
            "the worker leaves"
        } else if is_short {
            "memory is short"
        } else if state.idle.iter().any(|idle| idle.model == model) {
            "another runner of its model waits"
        } else {
            state.returns += 1;
            let number = state.returns;
            state.idle.push(Idle { model, process, since: Instant::now(), number });
            return Ok(number);
        };
        Err(Box::new((process, why)))
    }

    /// Why a waiting runner is to go now.
    fn why_to_go(&self, idle: &mut Idle) -> Option<&'static str> {
        if !idle.process.is_running() {
            Some("it ended between two jobs")
        } else if idle.since.elapsed() >= self.settings.idle {
            Some("it had nothing to do")
        } else {
            self.is_short().then_some("memory is short")
        }
    }

    async fn bury(&self, process: Process, why: &str) {
        let (leader, output) = (process.family.leader, process.output.clone());
        if let Err(error) = process.end(self.program.grace).await {
            tracing::warn!(?leader, %error, "could not end a warm runner");
        }
        tracing::info!(?leader, why, "a warm runner is gone");
        let words = output.stray();
        if !words.is_empty() {
            tracing::warn!(?leader, words, "a warm runner spoke between two jobs");
        }
    }
}

/// Looks after a waiting runner until it is taken, or has to go.
async fn watch(pool: Weak<Inner>, number: u64) {
    loop {
        let Some(look) = pool.upgrade().map(|pool| pool.program.look.min(pool.settings.idle)) else { return };
        tokio::time::sleep(look).await;
        let Some(pool) = pool.upgrade() else { return };
        let (idle, why) = {
            let mut state = pool.state();
            let Some(index) = state.idle.iter().position(|idle| idle.number == number) else { return };
            match pool.why_to_go(&mut state.idle[index]) {
                Some(why) => (state.idle.remove(index), why),
                None => continue,
            }
        };
        return pool.bury(idle.process, why).await;
    }
}

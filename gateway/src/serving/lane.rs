//! A loaded version with its queue and its threads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use empiric_jobs::answer::Answerer;
use empiric_schema::artifact::Digest;
use empiric_schema::version::SystemVersion;

use super::work::Work;
use super::worker::Worker;
use crate::settings::Settings;

/// A version that answers. Its threads end when it is dropped and its queue is empty.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) digest: Digest,
    pub(crate) label: String,
    pub(crate) version: SystemVersion,
    queue: SyncSender<Work>,
    pub(super) load: Arc<Load>,
}

/// The queue has no room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Full {
    /// When it is worth to come back, in seconds.
    pub(crate) seconds: f64,
}

/// What waits, and how long answers take.
#[derive(Debug)]
pub(super) struct Load {
    waiting: AtomicUsize,
    /// Microseconds that an answer kept a worker busy, the latest weighing most.
    answer_us: AtomicU64,
    /// The longest prompt so far.
    longest_prompt: AtomicU64,
    workers: usize,
}

impl Lane {
    /// Starts the threads of a loaded version: one for local weights, which use all cores by themselves, and as many
    /// as may be asked at a time for an endpoint.
    pub(crate) fn start(answerer: Answerer, label: String, settings: &Settings) -> Self {
        let version = answerer.version().clone();
        let (workers, batch) = match version.model.endpoint() {
            Some(_) => (settings.concurrency.max(1), 1),
            None => (1, settings.batch.max(1)),
        };
        let (queue, work) = sync_channel(settings.queue.max(1));
        let load = Arc::new(Load::new(workers));
        let (answerer, work) = (Arc::new(answerer), Arc::new(Mutex::new(work)));
        for _ in 0..workers {
            spawn(Worker { answerer: answerer.clone(), work: work.clone(), load: load.clone(), batch });
        }
        Self { digest: version.digest(), label, version, queue, load }
    }

    /// Puts a question into the queue.
    pub(crate) fn ask(&self, work: Work) -> Result<(), Full> {
        self.load.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(work).map_err(|error| {
            self.load.waiting.fetch_sub(1, Ordering::Relaxed);
            if let TrySendError::Disconnected(_) = error {
                tracing::error!(version = %self.digest, "a version has no worker any more");
            }
            Full { seconds: self.load.seconds_to_wait() }
        })
    }

    /// Questions that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.load.waiting.load(Ordering::Relaxed)
    }

    /// Tokens that an answer to this input may use.
    pub(crate) fn reservation(&self, input: &str) -> u64 {
        let longest = self.load.longest_prompt.load(Ordering::Relaxed);
        // Tokenizers seldom make more than one token of two bytes.
        longest.max(input.len() as u64 / 2) + u64::from(self.version.decoding.max_tokens)
    }

    /// Dollars for so many tokens.
    pub(crate) fn dollars(&self, prompt_tokens: u64, completion_tokens: u64) -> f64 {
        let price = self.version.model.endpoint().and_then(|endpoint| endpoint.price.as_ref());
        price.map_or(0.0, |price| price.of(prompt_tokens, completion_tokens))
    }
}

fn spawn(worker: Worker) {
    let named = std::thread::Builder::new().name("answer".to_owned());
    if let Err(error) = named.spawn(move || worker.run()) {
        tracing::error!(%error, "a thread that answers could not be started");
    }
}

impl Load {
    fn new(workers: usize) -> Self {
        let nothing = || AtomicU64::new(0);
        Self { waiting: AtomicUsize::new(0), answer_us: nothing(), longest_prompt: nothing(), workers }
    }

    /// So many questions left the queue.
    pub(super) fn taken(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }

    /// An answer kept a worker busy for so long.
    pub(super) fn answered(&self, seconds: f64, prompt_tokens: u32) {
        self.longest_prompt.fetch_max(u64::from(prompt_tokens), Ordering::Relaxed);
        let latest = (seconds * 1e6) as u64;
        let update = |old: u64| Some(if old == 0 { latest } else { (old * 7 + latest) / 8 });
        let _ = self.answer_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    fn seconds_to_wait(&self) -> f64 {
        let each = self.answer_us.load(Ordering::Relaxed).max(100_000) as f64 / 1e6;
        self.waiting.load(Ordering::Relaxed) as f64 * each / self.workers as f64
    }
}

/// The receiving end, which workers take turns at.
pub(super) type Queue = Arc<Mutex<Receiver<Work>>>;

//! Jobs as child processes of this worker: from the request to the outcome.

use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{JobOutcome, JobRequest};
use empiric_schema::id::JobKey;
use empiric_schema::job::{ExitClass, Progress};
use tokio::sync::watch;
use tokio::time::Instant;

use super::attempt::Attempt;
use super::error::{DispatchError, JobFailure, Stop};
use super::inputs::Inputs;
use super::key::{job_key, program_digest};
use super::lease::{self, Claim, Lease, Silence};
use super::log::LogLimits;
use super::memory::MemoryGauge;
use super::warm::{RunnerProgram, WarmPool, WarmSettings};
use super::watchdog::Patience;
use super::{attempts, publish, tries};
use crate::adapters::artifact_store::ArtifactStore;

/// How often somebody else's job is looked at.
const BUSY_LOOK: Duration = Duration::from_millis(200);
/// Silence after which a living worker counts as frozen. Workers touch their leases at every look at
/// progress; this is far longer, and shorter than the heartbeat timeout of the activity.
const FROZEN: Duration = Duration::from_secs(10);

/// How jobs run here.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// Folder of the jobs' folders.
    pub jobs_dir: PathBuf,
    /// The `empiric` program: it is called as `PROGRAM job run FOLDER` and `PROGRAM job serve`.
    pub program: PathBuf,
    /// Threads that one job may use.
    pub threads: u32,
    /// Where jobs compute, as [`empiric_schema::job::DEVICE_VARIABLE`] says it; `None` leaves them in main memory.
    pub device: Option<String>,
    /// Time between the request to end and the kill.
    pub grace: Duration,
    /// Silence that a job is always allowed; the first line of progress may take five times as long.
    pub silence: Duration,
    /// How often progress, budget and lease are looked at.
    pub look: Duration,
    /// How models stay loaded between jobs; `None` starts a process for each job.
    pub warm: Option<WarmSettings>,
}

impl LocalSettings {
    /// The settings for a place and a program, with one thread a core.
    pub fn new(jobs_dir: impl Into<PathBuf>, program: impl Into<PathBuf>) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        Self {
            jobs_dir: jobs_dir.into(),
            program: program.into(),
            threads: u32::try_from(threads).unwrap_or(1),
            device: None,
            grace: Duration::from_secs(5),
            silence: Duration::from_secs(120),
            look: Duration::from_millis(500),
            warm: Some(WarmSettings::default()),
        }
    }

    pub(super) fn patience(&self) -> Patience {
        // Twenty median steps: generous, since a killed job costs more than a late verdict.
        Patience { floor: self.silence, steps: 20.0, start: self.silence * 5 }
    }

    pub(super) fn runner_program(&self) -> RunnerProgram {
        RunnerProgram {
            argv: vec![self.program.display().to_string(), "job".to_owned(), "serve".to_owned()],
            folder: self.jobs_dir.clone(),
            threads: self.threads,
            device: self.device.clone(),
            grace: self.grace,
            look: self.look,
        }
    }
}

/// Runs jobs on this machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalDispatcher {
    pub(super) settings: LocalSettings,
    pub(super) store: ArtifactStore,
    pub(super) inputs: Arc<Inputs>,
    pub(super) log_limits: LogLimits,
    pub(super) warm: Option<WarmPool>,
    program_digest: Digest,
}

/// What a claim gave.
enum Claimed {
    Lease(Box<Lease>),
    Recorded(Box<JobOutcome>),
}

impl LocalDispatcher {
    /// Prepares the folder and measures the program, whose digest is part of every job's key.
    ///
    /// # Errors
    /// The program or the folder cannot be read or written.
    pub async fn open(settings: LocalSettings, store: ArtifactStore) -> io::Result<Self> {
        fs::create_dir_all(&settings.jobs_dir)?;
        // Jobs run in their own folders: a relative path would mean another one there.
        let jobs_dir = fs::canonicalize(&settings.jobs_dir)?;
        let settings = LocalSettings { jobs_dir, ..settings };
        Ok(Self {
            program_digest: program_digest(&settings.program, &settings.jobs_dir).await?,
            inputs: Arc::new(Inputs::new(settings.jobs_dir.join("inputs"))),
            log_limits: LogLimits::default(),
            warm: settings
                .warm
                .map(|warm| WarmPool::new(settings.runner_program(), warm, MemoryGauge::of_system())),
            settings,
            store,
        })
    }

    /// Runs the job, or answers from its record. Ends early, with everything that was started, when
    /// `stop` is ready. Running twice is the same as running once; two at once wait for each other.
    pub async fn run(
        &self,
        request: &JobRequest,
        stop: impl Future<Output = Stop>,
        progress: &watch::Sender<Progress>,
    ) -> Result<JobOutcome, DispatchError> {
        let mut stop = std::pin::pin!(stop);
        let (key, folder) = self.place(request).await?;
        let claimed = tokio::select! {
            biased;
            reason = &mut stop => return Err(DispatchError::Stopped(reason)),
            claimed = self.claim(&folder) => claimed?,
        };
        match claimed {
            Claimed::Recorded(outcome) => {
                tracing::info!(key = %key, label = request.label, "answered a job from its record");
                Ok(*outcome)
            }
            Claimed::Lease(lease) => self.run_claimed(key, request, *lease, stop, progress).await,
        }
    }

    /// Ends the warm runners. Jobs that still run end theirs themselves.
    pub async fn close(&self) {
        if let Some(pool) = &self.warm {
            pool.close().await;
        }
    }

    /// Counts a failure of a request, for the budgets of retries.
    pub(super) async fn note_failure(&self, request: &JobRequest, id: &str, class: ExitClass) -> u32 {
        let noted = match self.place(request).await {
            Ok((_, folder)) => tries::note(&folder, id, class).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        noted.unwrap_or_else(|error| {
            tracing::warn!(error, "could not count a failure of a job");
            1
        })
    }

    async fn place(&self, request: &JobRequest) -> Result<(JobKey, PathBuf), JobFailure> {
        let jobs_dir = &self.settings.jobs_dir;
        let key = job_key(&request.job, &self.program_digest).await;
        let key = key.map_err(|error| JobFailure::io("read a program of a job for", jobs_dir, error))?;
        let folder = jobs_dir.join(key.as_str());
        fs::create_dir_all(&folder).map_err(|error| JobFailure::io("create", &folder, error))?;
        Ok((key, folder))
    }

    /// Waits until the job is on record or ours to run.
    async fn claim(&self, folder: &Path) -> Result<Claimed, JobFailure> {
        let mut silence = Silence::new(FROZEN);
        let mut silent = None;
        loop {
            if let Some(outcome) = publish::recorded(folder, &self.store).await? {
                return Ok(Claimed::Recorded(Box::new(outcome)));
            }
            let claim = lease::claim(folder, silent.take()).await;
            match claim.map_err(|error| JobFailure::io("claim", folder, error))? {
                Claim::Granted(lease, previous) => {
                    return self.succeed(folder, lease, previous).await;
                }
                Claim::Busy(sighting) => silent = silence.note(sighting, Instant::now()),
            }
            tokio::time::sleep(BUSY_LOOK).await;
        }
    }

    /// Ends what an owner before us left running, and looks whether it finished after all.
    async fn succeed(
        &self,
        folder: &Path,
        lease: Lease,
        previous: Option<lease::Owner>,
    ) -> Result<Claimed, JobFailure> {
        let fault = |error| JobFailure::io("take over", folder, error);
        if let Some(owner) = previous {
            tracing::info!(folder = %folder.display(), "taking a job over from a lost attempt");
            owner.family().end(self.settings.grace).await.map_err(fault)?;
        }
        match publish::recorded(folder, &self.store).await? {
            Some(outcome) => {
                lease.release().await.map_err(fault)?;
                Ok(Claimed::Recorded(Box::new(outcome)))
            }
            None => Ok(Claimed::Lease(Box::new(lease))),
        }
    }

    async fn run_claimed(
        &self,
        key: JobKey,
        request: &JobRequest,
        mut lease: Lease,
        stop: Pin<&mut impl Future<Output = Stop>>,
        progress: &watch::Sender<Progress>,
    ) -> Result<JobOutcome, DispatchError> {
        let attempt = Attempt { dispatcher: self, request, key };
        let outcome = attempt.run(&mut lease, stop, progress).await;
        if let Err(error) = remove_outputs(&lease.attempt_folder()) {
            tracing::warn!(%error, "could not remove the published outputs of a job's folder");
        }
        if outcome.as_ref().is_ok_and(|outcome| outcome.class == ExitClass::Success) {
            tidy(&lease).await;
        }
        if let Err(error) = lease.release().await {
            tracing::warn!(%error, "could not give a job back; the next attempt takes it over");
        }
        outcome
    }
}

/// After success nobody goes on from an earlier attempt, or from a checkpoint.
async fn tidy(lease: &Lease) {
    let last = lease.attempt;
    if let Err(error) = lease.if_held(move |job| attempts::keep_last(job, last)).await {
        tracing::warn!(%error, "could not remove the earlier attempts of a job that has ended well");
    }
}

/// Published outputs are in the store; unpublished ones are of no use.
fn remove_outputs(attempt: &Path) -> io::Result<()> {
    match fs::remove_dir_all(attempt.join(empiric_schema::job::OUTPUT_FOLDER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

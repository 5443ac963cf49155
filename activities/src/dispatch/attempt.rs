//! One attempt at a job: start, watch, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use empiric_schema::contract::{JobOutcome, JobRequest};
use empiric_schema::id::JobKey;
use empiric_schema::job::{
    EXIT_FILE, Exit, ExitClass, JOB_FILE, JobFile, JobKind, LOG_FILE, OUTPUT_FOLDER, PROGRESS_FILE, Progress,
    Usage,
};
use tokio::sync::watch;

use super::environment;
use super::error::{DispatchError, JobFailure, Stop};
use super::exit::{Ended, MemoryKill, classify, read_exit};
use super::lease::Lease;
use super::local::LocalDispatcher;
use super::log::{last_lines, read_tail};
use super::memory::MemoryKills;
use super::progress::ProgressTail;
use super::publish::{self, OUTCOME_FILE};
use super::running::{Finished, Launch, Running};
use super::watchdog::{Watchdog, used_up};
use super::{attempts, trace, warm};
use crate::adapters::durable::write_atomically;

/// How much of a log is searched for known causes.
const SEARCHED_LOG: u64 = 64 << 10;
/// How much of a log goes into a failure's message.
const SHOWN_LINES: usize = 12;
const SHOWN_BYTES: usize = 2048;

/// A job that is ours to run.
pub(super) struct Attempt<'a> {
    pub(super) dispatcher: &'a LocalDispatcher,
    pub(super) request: &'a JobRequest,
    pub(super) key: JobKey,
}

/// Why watching ended.
enum Watched {
    Ended(Ended),
    Stop(Stop),
    UsedUp,
    Hung,
    Superseded,
}

/// What happened, once nothing of the attempt runs any more.
struct Course {
    folder: PathBuf,
    watched: Watched,
    finished: Finished,
    /// Usage of the last line of progress.
    last: Usage,
    memory: MemoryKill,
}

impl Attempt<'_> {
    /// Runs the program to its end, or to a stop, and publishes what it made.
    pub(super) async fn run(
        &self,
        lease: &mut Lease,
        stop: Pin<&mut impl Future<Output = Stop>>,
        progress: &watch::Sender<Progress>,
    ) -> Result<JobOutcome, DispatchError> {
        let folder = lease.attempt_folder();
        self.prepare(&folder, lease).await?;
        let running = self.launch(&folder, lease.token()).await?;
        let course = self.follow(running, lease, stop, progress).await;
        let course = course.map_err(|error| JobFailure::io("watch a job in", &folder, error))?;
        match course.watched {
            Watched::Superseded => Err(DispatchError::Superseded),
            Watched::Stop(reason) => Err(DispatchError::Stopped(reason)),
            Watched::Hung => Err(hung(&folder).into()),
            // It may have been done just before it was told to stop.
            Watched::UsedUp => match course.exit() {
                Some(exit) if exit.class == ExitClass::Success => self.publish(lease, &course, exit).await,
                _ => Ok(self.exhausted(&course)),
            },
            Watched::Ended(ended) => self.conclude(lease, &course, ended).await,
        }
    }

    /// Watches the program until it and all that it started are gone.
    async fn follow(
        &self,
        mut running: Running,
        lease: &mut Lease,
        stop: Pin<&mut impl Future<Output = Stop>>,
        progress: &watch::Sender<Progress>,
    ) -> io::Result<Course> {
        let folder = lease.attempt_folder();
        let kills = MemoryKills::now();
        let mut tail = ProgressTail::new(folder.join(PROGRESS_FILE));
        let watched = match lease.record_child(running.family()).await? {
            true => self.watch(&mut running, lease, stop, &mut tail, progress).await?,
            false => Watched::Superseded,
        };
        let grace = self.dispatcher.settings.grace;
        if !matches!(watched, Watched::Ended(_)) {
            running.stop(grace).await?;
        }
        let finished = running.finish(grace).await?;
        tail.poll();
        progress.send_replace(tail.latest().clone());
        Ok(Course { watched, finished, last: tail.latest().usage, memory: kills.since(), folder })
    }

    /// What follows from an end that nobody here brought about.
    async fn conclude(
        &self,
        lease: &Lease,
        course: &Course,
        ended: Ended,
    ) -> Result<JobOutcome, DispatchError> {
        let log = read_tail(&course.folder.join(LOG_FILE), SEARCHED_LOG);
        let exit = course.exit();
        match (classify(exit.as_ref(), ended, course.memory, &log), exit) {
            (ExitClass::Success, Some(exit)) => self.publish(lease, course, exit).await,
            (ExitClass::BudgetExhausted, _) => Ok(self.exhausted(course)),
            (class, exit) => Err(failure(class, ended, exit, &course.folder).into()),
        }
    }

    /// Fetches the inputs and writes `job.json`.
    async fn prepare(&self, folder: &Path, lease: &Lease) -> Result<(), JobFailure> {
        let job = &self.request.job;
        let file = JobFile {
            inputs: self.dispatcher.inputs.fetch(&self.dispatcher.store, &job.artifacts()).await?,
            spec: job.clone(),
            outputs: self.outputs(),
            attempt: lease.attempt,
            resume: attempts::checkpoints_before(folder, lease.attempt),
            threads: self.dispatcher.settings.threads,
        };
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder.join(OUTPUT_FOLDER))?;
            write_atomically(&folder.join(JOB_FILE), &serde_json::to_vec_pretty(&file)?)
        };
        write().map_err(|error| JobFailure::io("write", &folder.join(JOB_FILE), error))
    }

    fn outputs(&self) -> Vec<String> {
        self.request.job.kind.outputs().iter().map(|name| (*name).to_owned()).collect()
    }

    async fn launch(&self, folder: &Path, token: &str) -> Result<Running, JobFailure> {
        let launch = Launch {
            folder,
            token,
            threads: self.dispatcher.settings.threads,
            device: self.dispatcher.settings.device.as_deref(),
            keys: environment::key_variables(&self.request.job),
            trace: trace::variables(),
            log: self.dispatcher.log_limits,
        };
        match (&self.dispatcher.warm, warm::model_of(&self.request.job.kind)) {
            (Some(pool), Some(model)) => launch.warm(pool, model).await,
            _ => launch.cold(&self.argv(folder)),
        }
    }

    fn argv(&self, folder: &Path) -> Vec<String> {
        match &self.request.job.kind {
            JobKind::Command { argv } => argv.clone(),
            _ => {
                let program = self.dispatcher.settings.program.display().to_string();
                vec![program, "job".to_owned(), "run".to_owned(), folder.display().to_string()]
            }
        }
    }

    /// Watches until the program ends or must be ended.
    async fn watch(
        &self,
        running: &mut Running,
        lease: &Lease,
        mut stop: Pin<&mut impl Future<Output = Stop>>,
        tail: &mut ProgressTail,
        progress: &watch::Sender<Progress>,
    ) -> io::Result<Watched> {
        let mut watchdog = Watchdog::new(self.dispatcher.settings.patience());
        let mut look = tokio::time::interval(self.dispatcher.settings.look);
        loop {
            tokio::select! {
                biased;
                reason = &mut stop => return Ok(Watched::Stop(reason)),
                ended = running.wait() => return Ok(Watched::Ended(ended?)),
                _ = look.tick() => {}
            }
            if !lease.renew()? {
                return Ok(Watched::Superseded);
            }
            let now = running.elapsed();
            watchdog.heard(now, tail.poll());
            progress.send_replace(tail.latest().clone());
            if used_up(&self.request.job.reserve, &tail.latest().usage, now).is_some() {
                return Ok(Watched::UsedUp);
            }
            if watchdog.is_hung(now) {
                return Ok(Watched::Hung);
            }
        }
    }

    /// Stores the outputs and records the outcome, unless another attempt has the job by now.
    async fn publish(&self, lease: &Lease, course: &Course, exit: Exit) -> Result<JobOutcome, DispatchError> {
        let folder = &course.folder;
        let outputs = publish::outputs(folder, &exit, &self.outputs(), &self.dispatcher.store).await;
        let outcome = JobOutcome {
            class: ExitClass::Success,
            outputs: outputs.map_err(|failure| with_log(failure, folder))?,
            findings: exit.findings,
            ..self.exhausted(course)
        };
        let fault = |error| JobFailure::io("record the outcome in", folder, error);
        let record = serde_json::to_vec_pretty(&outcome).map_err(io::Error::other).map_err(fault)?;
        let write = move |job: &Path| write_atomically(&job.join(OUTCOME_FILE), &record);
        match lease.if_held(write).await.map_err(fault)? {
            true => Ok(outcome),
            false => Err(DispatchError::Superseded),
        }
    }

    /// The outcome of a job that was ended because its reservation was used up.
    fn exhausted(&self, course: &Course) -> JobOutcome {
        JobOutcome {
            key: self.key.clone(),
            class: ExitClass::BudgetExhausted,
            outputs: BTreeMap::new(),
            findings: Default::default(),
            usage: course.usage(),
            ran: course.finished.ran,
            reused: false,
        }
    }
}

impl Course {
    fn exit(&self) -> Option<Exit> {
        read_exit(&self.folder.join(EXIT_FILE))
    }

    /// What `exit.json` says was used, else the last progress; a program that says nothing used its
    /// time.
    fn usage(&self) -> Usage {
        let said = self.exit().map_or(self.last, |exit| exit.usage);
        Usage { seconds: said.seconds.max(self.finished.elapsed.as_secs_f64()), ..said }
    }
}

fn hung(folder: &Path) -> JobFailure {
    let message = "the job made no progress for too long and was ended";
    with_log(JobFailure::new(ExitClass::Hung, message), folder)
}

fn failure(class: ExitClass, ended: Ended, exit: Option<Exit>, folder: &Path) -> JobFailure {
    let said = exit.map(|exit| exit.message).filter(|message| !message.is_empty());
    let message = said.unwrap_or_else(|| format!("the job {}", ended.words()));
    with_log(JobFailure::new(class, message), folder)
}

fn with_log(failure: JobFailure, folder: &Path) -> JobFailure {
    let log = folder.join(LOG_FILE);
    let tail = last_lines(&read_tail(&log, SEARCHED_LOG), SHOWN_LINES, SHOWN_BYTES);
    JobFailure { log: Some(log), tail, ..failure }
}

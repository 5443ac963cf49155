//! A job at work: in a process of its own, or in a warm runner that goes on to the next one afterwards.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use empiric_schema::artifact::Digest;
use empiric_schema::job::{LOG_FILE, ServeRequest};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::environment;
use super::error::JobFailure;
use super::exit::Ended;
use super::log::{CappedLog, LogLimits};
use super::output::Output;
use super::process::{Process, Program};
use super::tree::Family;
use super::warm::WarmPool;

/// A job to start.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// The attempt's folder, with `job.json`; absolute.
    pub(super) folder: &'a Path,
    /// The attempt's token.
    pub(super) token: &'a str,
    pub(super) threads: u32,
    /// Where it computes, if that is not main memory.
    pub(super) device: Option<&'a str>,
    /// Variables of ours that the job needs besides those that all see.
    pub(super) keys: Vec<&'a str>,
    /// `TRACEPARENT` and `TRACESTATE`.
    pub(super) trace: Vec<(String, String)>,
    pub(super) log: LogLimits,
}

/// A job that was started.
#[derive(Debug)]
pub(super) struct Running {
    process: Process,
    /// Notified when a warm runner is done with the job.
    done: Arc<Notify>,
    state: State,
    /// Where a warm runner goes back to.
    home: Option<Home>,
    started: Instant,
    /// Unix seconds, for reports.
    started_at: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At work, or ended with its process.
    Working,
    /// Its runner is ready for the next one.
    Served,
}

#[derive(Debug)]
struct Home {
    pool: WarmPool,
    model: Digest,
}

/// When a job ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished {
    pub(super) elapsed: Duration,
    /// Unix seconds of start and end, for reports.
    pub(super) ran: (f64, f64),
}

impl Launch<'_> {
    /// Starts the job as a process of its own.
    pub(super) fn cold(self, argv: &[String]) -> Result<Running, JobFailure> {
        let mut variables = vec![(environment::FOLDER.to_owned(), self.folder.into())];
        variables.extend(environment::device(self.device));
        variables.extend(self.trace.iter().map(|(name, value)| (name.clone(), value.into())));
        let output = Output::default();
        let done = output.begin(self.log()?, None);
        let program = Program {
            argv,
            folder: self.folder,
            token: self.token,
            threads: self.threads,
            keys: self.keys,
            variables,
        };
        Ok(Running::new(program.start(output)?, done, None))
    }

    /// Gives the job to a warm runner of its model.
    pub(super) async fn warm(self, pool: &WarmPool, model: Digest) -> Result<Running, JobFailure> {
        let request = ServeRequest {
            folder: self.folder.to_owned(),
            token: self.token.to_owned(),
            trace: self.trace.iter().cloned().collect(),
        };
        loop {
            let (process, age) = pool.runner(&model).await?;
            let done = process.output.begin(self.log()?, Some(request.answer()));
            let home = Home { pool: pool.clone(), model: model.clone() };
            let mut running = Running::new(process, done, Some(home));
            match running.process.ask(&request).await {
                Ok(()) => return Ok(running),
                // It died between two jobs, which is nobody's failure.
                Err(error) if age.is_old() => pool.bury(running.process, &error.to_string()).await,
                // How it ended says why.
                Err(_) => return Ok(running),
            }
        }
    }

    fn log(&self) -> Result<CappedLog, JobFailure> {
        let path = self.folder.join(LOG_FILE);
        CappedLog::create(&path, self.log).map_err(|error| JobFailure::io("write", &path, error))
    }
}

impl Running {
    fn new(process: Process, done: Arc<Notify>, home: Option<Home>) -> Self {
        let (started, started_at) = (Instant::now(), unix_now());
        Self { process, done, state: State::Working, home, started, started_at }
    }

    /// The processes that work for the job.
    pub(super) fn family(&self) -> &Family {
        &self.process.family
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits for the end of the job. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<Ended> {
        tokio::select! {
            biased;
            () = self.done.notified() => {
                self.state = State::Served;
                Ok(Ended::Code(0))
            }
            ended = self.process.wait() => ended,
        }
    }

    /// Ends the job with everything that it started, a warm runner too.
    pub(super) async fn stop(&mut self, grace: Duration) -> io::Result<()> {
        self.process.stop(grace).await.map(|_| ())
    }

    /// Ends what the job left behind, and its log. A warm runner that has served it goes back to its pool.
    pub(super) async fn finish(self, grace: Duration) -> io::Result<Finished> {
        let finished = Finished { elapsed: self.started.elapsed(), ran: (self.started_at, unix_now()) };
        match (self.state, self.home) {
            (State::Served, Some(home)) => home.pool.put_back(home.model, self.process).await,
            _ => self.process.end(grace).await?,
        }
        Ok(finished)
    }
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

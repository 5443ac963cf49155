//! Starting a job's program: own process group, bare environment, one log, and a lifeline.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use empiric_schema::job::{ExitClass, LOG_FILE};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::environment;
use super::error::{JobFailure, class_of_io};
use super::exit::Ended;
use super::log::{self, CappedLog, LogLimits};
use super::tree::{Family, ProcessId, TOKEN_VARIABLE};

/// How long a log may still be read after the program has ended: something that it left behind may
/// hold the other end.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

/// What to start.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// Program and arguments.
    pub(super) argv: &'a [String],
    /// Working folder, with `job.json`.
    pub(super) folder: &'a Path,
    pub(super) token: &'a str,
    pub(super) threads: u32,
    /// A variable of ours that the job needs besides those that all see.
    pub(super) key: Option<&'a str>,
    /// Further variables.
    pub(super) trace: Vec<(String, String)>,
    pub(super) log: LogLimits,
}

/// A program that was started.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// Held open while we live; its end tells the job that its worker is gone.
    lifeline: Option<ChildStdin>,
    pub(super) family: Family,
    log: JoinHandle<()>,
    end_log: oneshot::Sender<()>,
    started: Instant,
    /// Unix seconds, for reports.
    pub(super) started_at: f64,
}

/// When a program ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finished {
    pub(super) elapsed: Duration,
    /// Unix seconds of start and end, for reports.
    pub(super) ran: (f64, f64),
}

impl Launch<'_> {
    /// Starts the program.
    pub(super) fn start(self) -> Result<Running, JobFailure> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(JobFailure::new(ExitClass::Config, "a command job needs a program to run"));
        };
        let log_path = self.folder.join(LOG_FILE);
        let log = CappedLog::create(&log_path, self.log);
        let log = log.map_err(|error| JobFailure::io("write", &log_path, error))?;
        let (reader, output) =
            self.pipe().map_err(|error| JobFailure::io("open a pipe in", self.folder, error))?;
        let mut command = Command::new(program);
        command.args(arguments).stdout(output.0).stderr(output.1);
        self.prepare(&mut command);
        let mut child = command.spawn().map_err(|error| not_started(program, error))?;
        let leader = child.id().map(ProcessId::of);
        let (end_log, end) = oneshot::channel();
        Ok(Running {
            lifeline: child.stdin.take(),
            child,
            family: Family { leader, token: self.token.to_owned() },
            log: tokio::spawn(log::follow(reader, log, end)),
            end_log,
            started: Instant::now(),
            started_at: unix_now(),
        })
    }

    fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.folder)
            .env_clear()
            .envs(environment::allowed(std::env::vars_os(), self.key))
            .envs(self.trace.iter().cloned())
            .env(environment::LIFELINE.0, environment::LIFELINE.1)
            .env(environment::THREADS, self.threads.to_string())
            .env(environment::FOLDER, self.folder)
            .env(TOKEN_VARIABLE, self.token)
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
    }

    /// One pipe for both outputs, so that their order is kept.
    fn pipe(&self) -> io::Result<(Receiver, (OwnedFd, OwnedFd))> {
        let (reader, writer) = io::pipe()?;
        let second = writer.try_clone()?;
        Ok((Receiver::from_owned_fd(reader.into())?, (writer.into(), second.into())))
    }
}

fn not_started(program: &str, error: io::Error) -> JobFailure {
    let class = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => ExitClass::Config,
        _ => class_of_io(&error),
    };
    let failure = JobFailure::new(class, format!("could not start the program `{program}`"));
    JobFailure { source: Some(error.into()), ..failure }
}

impl Running {
    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits for the program itself. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<Ended> {
        self.child.wait().await.map(Ended::of)
    }

    /// Ends the program with everything that it started.
    pub(super) async fn stop(&mut self, grace: Duration) -> io::Result<Ended> {
        let family = self.family.clone();
        let (gone, ended) = tokio::join!(family.end(grace), self.child.wait());
        gone?;
        ended.map(Ended::of)
    }

    /// Ends what the program left behind, and its log.
    pub(super) async fn finish(self, grace: Duration) -> io::Result<Finished> {
        let (elapsed, now) = (self.started.elapsed(), unix_now());
        drop(self.lifeline);
        self.family.end(grace).await?;
        let mut log = self.log;
        if tokio::time::timeout(LOG_PATIENCE, &mut log).await.is_err() {
            // A failed send means that the log has just ended.
            let _ = self.end_log.send(());
            log.await.map_err(io::Error::other)?;
        }
        Ok(Finished { elapsed, ran: (self.started_at, now) })
    }
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_learns_from_its_standard_input_that_its_worker_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let argv = ["/bin/sh", "-c", "test \"$EMPIRIC_LIFELINE\" = stdin && cat; exit 83"].map(str::to_owned);
        let launch = Launch {
            argv: &argv,
            folder: folder.path(),
            token: "lifeline-test",
            threads: 1,
            key: None,
            trace: Vec::new(),
            log: LogLimits::default(),
        };
        let mut running = launch.start().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(100), running.wait()).await.is_err());
        running.lifeline = None;
        assert_eq!(running.wait().await.unwrap(), Ended::Code(83));
    }
}

//! Starting a program: own process group, bare environment, one pipe for its words, and a lifeline.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use empiric_schema::job::{ExitClass, ServeRequest};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::environment;
use super::error::{JobFailure, class_of_io};
use super::exit::Ended;
use super::output::{self, Output};
use super::tree::{Family, ProcessId, TOKEN_VARIABLE};

/// How long words may still be read after the program has ended: something that it left behind may hold
/// the other end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program to start.
#[derive(Debug)]
pub(super) struct Program<'a> {
    /// Program and arguments.
    pub(super) argv: &'a [String],
    /// Working folder.
    pub(super) folder: &'a Path,
    /// Marks everything that descends from it.
    pub(super) token: &'a str,
    pub(super) threads: u32,
    /// Variables of ours that the job needs besides those that all see.
    pub(super) keys: Vec<&'a str>,
    /// Further variables.
    pub(super) variables: Vec<(String, OsString)>,
}

/// A program that was started. Killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Held open while we live; its end tells the program that its worker is gone.
    lifeline: Option<ChildStdin>,
    pub(super) family: Family,
    pub(super) output: Output,
    reader: JoinHandle<()>,
    end_reader: oneshot::Sender<()>,
}

impl Program<'_> {
    /// Starts the program; its words go to `output`.
    pub(super) fn start(self, output: Output) -> Result<Process, JobFailure> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Err(JobFailure::new(ExitClass::Config, "a command job needs a program to run"));
        };
        let (reader, writers) =
            pipe().map_err(|error| JobFailure::io("open a pipe in", self.folder, error))?;
        let mut command = Command::new(program);
        command.args(arguments).stdout(writers.0).stderr(writers.1);
        self.prepare(&mut command);
        let mut child = command.spawn().map_err(|error| not_started(program, error))?;
        let leader = child.id().map(ProcessId::of);
        let (end_reader, end) = oneshot::channel();
        Ok(Process {
            lifeline: child.stdin.take(),
            child,
            family: Family { leader, token: self.token.to_owned() },
            reader: tokio::spawn(output::follow(reader, output.clone(), end)),
            output,
            end_reader,
        })
    }

    fn prepare(&self, command: &mut Command) {
        command
            .current_dir(self.folder)
            .env_clear()
            .envs(environment::allowed(std::env::vars_os(), &self.keys))
            .envs(self.variables.iter().map(|(name, value)| (OsStr::new(name), value)))
            .env(environment::LIFELINE.0, environment::LIFELINE.1)
            .env(environment::THREADS, self.threads.to_string())
            .env(TOKEN_VARIABLE, self.token)
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
    }
}

/// One pipe for both outputs, so that their order is kept.
fn pipe() -> io::Result<(Receiver, (OwnedFd, OwnedFd))> {
    let (reader, writer) = io::pipe()?;
    let second = writer.try_clone()?;
    Ok((Receiver::from_owned_fd(reader.into())?, (writer.into(), second.into())))
}

fn not_started(program: &str, error: io::Error) -> JobFailure {
    let class = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => ExitClass::Config,
        _ => class_of_io(&error),
    };
    let failure = JobFailure::new(class, format!("could not start the program `{program}`"));
    JobFailure { source: Some(error.into()), ..failure }
}

impl Process {
    /// Waits for the program itself. May be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<Ended> {
        self.child.wait().await.map(Ended::of)
    }

    /// Whether the program still runs, as far as the system has told.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Hands a warm runner its next job.
    pub(super) async fn ask(&mut self, request: &ServeRequest) -> io::Result<()> {
        let Some(input) = &mut self.lifeline else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let line = serde_json::to_string(request)? + "\n";
        input.write_all(line.as_bytes()).await?;
        input.flush().await
    }

    /// Asks the program and everything that it started to end, kills what is left after `grace`, and gives
    /// how the program ended.
    pub(super) async fn stop(&mut self, grace: Duration) -> io::Result<Ended> {
        let family = self.family.clone();
        let (gone, ended) = tokio::join!(family.end(grace), self.child.wait());
        gone?;
        ended.map(Ended::of)
    }

    /// Ends all that still runs, and then the log.
    pub(super) async fn end(mut self, grace: Duration) -> io::Result<()> {
        drop(self.lifeline.take());
        self.family.end(grace).await?;
        if tokio::time::timeout(LAST_WORDS, &mut self.reader).await.is_err() {
            // A failed send means that the reader has just ended.
            let _ = self.end_reader.send(());
            self.reader.await.map_err(io::Error::other)?;
        }
        Ok(())
    }

    #[cfg(test)]
    fn let_go(&mut self) {
        self.lifeline = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_learns_from_its_standard_input_that_its_worker_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let argv = ["/bin/sh", "-c", "test \"$EMPIRIC_LIFELINE\" = stdin && cat; exit 83"].map(str::to_owned);
        let program = Program {
            argv: &argv,
            folder: folder.path(),
            token: "lifeline-test",
            threads: 1,
            keys: Vec::new(),
            variables: Vec::new(),
        };
        let mut process = program.start(Output::default()).unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(100), process.wait()).await.is_err());
        process.let_go();
        assert_eq!(process.wait().await.unwrap(), Ended::Code(83));
    }
}

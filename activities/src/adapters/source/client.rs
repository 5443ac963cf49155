//! Package clients as child processes: pip and npm know the user's mirrors, proxies, certificates
//! and passwords, so that nothing of that is done here.
//!
//! A client works in the staging folder, sees the variables that it has a use for, and says what it
//! has to say into a log there. How far it is shows by how the folder grows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::error::Fault;
use super::progress::{Phase, Progress, Transfer};

/// How often the growing download is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Where a client's standard output goes, inside the staging folder.
const LOG: &str = "client.log";

/// Variables that every client may see.
const ALLOWED: &str = "PATH HOME USER LOGNAME LANG LC_ALL XDG_CACHE_HOME XDG_CONFIG_HOME XDG_CONFIG_DIRS \
    SSL_CERT_FILE SSL_CERT_DIR http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY";

/// A fetch through a client.
pub(super) struct ClientRun<'a> {
    /// Name of the client, for messages.
    pub(super) tool: &'static str,
    /// What is fetched, for people.
    pub(super) label: &'a str,
    /// The folder that the client fills.
    pub(super) staging: &'a Path,
    /// Who hears how far it is.
    pub(super) progress: &'a dyn Progress,
    /// Reads the whole size in bytes from what the client said so far, if it says it.
    pub(super) announced: fn(&str) -> Option<u64>,
}

/// A command in `staging` with the general variables and those that `own` lets through.
pub(super) fn command(
    program: &str,
    staging: &Path,
    environment: &BTreeMap<String, String>,
    own: impl Fn(&str) -> bool,
) -> Command {
    let allowed = |name: &str| ALLOWED.split_whitespace().any(|known| known == name) || own(name);
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(environment.iter().filter(|(name, _)| allowed(name)))
        // The client's own temporary files stay where they are cleaned up and where there is room.
        .env("TMPDIR", staging)
        .current_dir(staging)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl ClientRun<'_> {
    /// Where standard output goes.
    pub(super) fn log(&self) -> Result<File, Fault> {
        let path = self.log_path();
        File::create(&path).map_err(|error| Fault::file(&path, "write", error))
    }

    /// What the client said on standard output.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Reports until the client ends.
    pub(super) async fn follow(&self, child: Child) -> Result<Output, Fault> {
        let finished = child.wait_with_output();
        tokio::pin!(finished);
        loop {
            tokio::select! {
                output = &mut finished => {
                    return output.map_err(|error| Fault::file(Path::new(self.tool), "run", error));
                }
                () = tokio::time::sleep(POLL) => self.report(),
            }
        }
    }

    fn report(&self) {
        let done = bytes_below(self.staging);
        let total = (self.announced)(&self.said()).map(|total| total.max(done));
        self.progress.report(Transfer { label: self.label, phase: Phase::Fetching, done, total });
    }

    fn log_path(&self) -> PathBuf {
        self.staging.join(LOG)
    }
}

/// Bytes in a folder and below; files that vanish meanwhile count nothing.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// The one file with this extension that a client left in the staging folder.
pub(super) fn left(staging: &Path, extension: &str, tool: &'static str) -> Result<PathBuf, Fault> {
    let entries = fs::read_dir(staging).map_err(|error| Fault::file(staging, "read", error))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut found = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let missing = || Fault::ToolFailed { tool, message: format!("it ended without a .{extension} file") };
    found.next().ok_or_else(missing)
}

/// The last lines of a message, for people.
pub(super) fn tail(said: &str) -> String {
    let lines = said.lines().rev().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.take(3).collect();
    let text = lines.into_iter().rev().collect::<Vec<_>>().join("; ");
    text.chars().take(600).collect()
}

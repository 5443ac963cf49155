//! The managed dev server: one per state folder, alive while the process that started it is.
//!
//! The server's log file is also its lock: `flock` belongs to the open file, which the guard and the
//! server inherit as their standard output, so the lock is free exactly when none of them lives.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use crate::error::CliError;

/// How long a server may take to answer. A slow disk needs a few seconds.
const START: Duration = Duration::from_secs(60);

/// Why the server is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs go on: workers are here too.
    Work,
    /// A single question or command.
    Visit,
}

/// `server.json`: who keeps the server, and where it listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerRecord {
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// Process id of the server.
    pub server: i32,
    /// Process id of its guard.
    pub guard: i32,
    /// Why it is kept.
    pub role: Role,
}

/// A server that this process keeps. It ends when this value is dropped.
#[derive(Debug)]
pub struct ManagedServer {
    /// `127.0.0.1:PORT`.
    pub address: String,
    guard: Child,
}

impl ManagedServer {
    /// Starts the server, or says `None` when another process keeps one for this folder.
    pub async fn start(folder: &Path, program: &Path, role: Role) -> Result<Option<Self>, CliError> {
        crate::place::make(folder)?;
        let Some(lock) = lock(folder)? else { return Ok(None) };
        let _ = std::fs::remove_file(record_path(folder));
        let mut guard = spawn_guard(folder, program, role, lock)?;
        let deadline = Instant::now() + START;
        loop {
            if let Some(record) = running_server(folder)
                && answers(&record.address).await
            {
                return Ok(Some(Self { address: record.address, guard }));
            }
            if let Ok(Some(status)) = guard.try_wait() {
                return Err(CliError::Server {
                    reason: format!("its guard ended with {status}; {}", last_words(folder)),
                });
            }
            if Instant::now() > deadline {
                return Err(CliError::Server {
                    reason: format!("no answer for {START:?}; {}", last_words(folder)),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks the server to end and waits for it.
    pub async fn stop(mut self) {
        drop(self.guard.stdin.take());
        let _ = tokio::time::timeout(Duration::from_secs(10), self.guard.wait()).await;
    }
}

fn spawn_guard(folder: &Path, program: &Path, role: Role, lock: File) -> Result<Child, CliError> {
    let own = std::env::current_exe();
    let own =
        own.map_err(|source| CliError::File { action: "find", path: PathBuf::from("empiric"), source })?;
    let errors = lock.try_clone().map_or_else(|_| Stdio::null(), Stdio::from);
    Command::new(own)
        .arg("guard")
        .arg(folder)
        .arg(program)
        .env("EMPIRIC_SERVER_ROLE", if role == Role::Work { "work" } else { "visit" })
        .stdin(Stdio::piped())
        .stdout(Stdio::from(lock))
        .stderr(errors)
        // Ctrl-C at the terminal goes to this process alone; the guard ends when its input closes.
        .process_group(0)
        .spawn()
        .map_err(|error| CliError::Server { reason: error.to_string() })
}

/// The lock on the folder; `None` while a guard or a server lives. A server without its guard is ended.
fn lock(folder: &Path) -> Result<Option<File>, CliError> {
    let path = folder.join("server.log");
    for _ in 0..50 {
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|source| CliError::File { action: "open", path: path.clone(), source })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return own(locked).map(Some),
            Err(_) if end_orphan(folder) => std::thread::sleep(Duration::from_millis(100)),
            Err(_) => return Ok(None),
        }
    }
    Err(CliError::Server { reason: format!("a server without a guard holds {}", path.display()) })
}

/// A second handle on the locked file: the lock lives as long as any handle.
fn own(locked: Flock<File>) -> Result<File, CliError> {
    let file = locked.try_clone().map_err(|error| CliError::Server { reason: error.to_string() })?;
    // `Flock` unlocks when it is dropped, which would unlock the handles that the server inherits.
    std::mem::forget(locked);
    Ok(file)
}

/// Ends a server whose guard was killed. True when there was one, or when it is still going.
fn end_orphan(folder: &Path) -> bool {
    let Some(record) = running_server(folder) else { return false };
    let is_orphan = !is_alive(record.guard) && is_temporal(record.server);
    if is_orphan {
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(record.server),
            nix::sys::signal::Signal::SIGTERM,
        );
    }
    is_orphan
}

fn is_alive(pid: i32) -> bool {
    // A zombie answers to signals and does nothing more.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn is_temporal(pid: i32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("start-dev")
}

/// The record of a server that was started for this folder; it may have ended since.
pub fn running_server(folder: &Path) -> Option<ServerRecord> {
    let bytes = std::fs::read(record_path(folder)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Whether somebody listens there.
pub async fn answers(address: &str) -> bool {
    tokio::net::TcpStream::connect(address).await.is_ok()
}

fn record_path(folder: &Path) -> PathBuf {
    folder.join("server.json")
}

/// Writes the record whole: a reader never sees half of it.
pub(super) fn write_record(folder: &Path, record: &ServerRecord) -> std::io::Result<()> {
    let temporary = folder.join("server.json.new");
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    file.sync_all()?;
    std::fs::rename(&temporary, record_path(folder))
}

fn last_words(folder: &Path) -> String {
    let path = folder.join("server.log");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    format!("last line of {}: {line}", path.display())
}

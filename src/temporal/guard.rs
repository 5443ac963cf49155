//! The guard: a process between `empiric` and the Temporal server.
//!
//! It restarts a server that dies, on the same port, and ends it when its own standard input closes,
//! which happens however `empiric` ends.

use std::net::TcpListener;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use super::server::{Role, ServerRecord, write_record};
use crate::cli::GuardArgs;
use crate::error::CliError;

/// Pause before a server that died is started again.
const PAUSE: Duration = Duration::from_millis(200);
/// A server that lives shorter than this did not start.
const QUICK: Duration = Duration::from_secs(2);
/// Failed starts in a row after which the guard gives up.
const MOST_QUICK_ENDS: u32 = 5;
/// Time for an orderly end.
const GRACE: Duration = Duration::from_secs(5);

/// Keeps a server until standard input closes.
pub async fn guard(args: &GuardArgs) -> Result<ExitCode, CliError> {
    let port = free_port()?;
    let mut input = tokio::io::stdin();
    let mut byte = [0u8; 1];
    let mut quick_ends = 0;
    loop {
        let started = Instant::now();
        let mut server = start(args, port)?;
        tokio::select! {
            _ = input.read(&mut byte) => {
                end(&mut server).await;
                return Ok(ExitCode::SUCCESS);
            }
            _ = server.wait() => {
                quick_ends = if started.elapsed() < QUICK { quick_ends + 1 } else { 0 };
                if quick_ends == MOST_QUICK_ENDS {
                    let reason = format!("{} ends at once, again and again", args.program.display());
                    return Err(CliError::Server { reason });
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn free_port() -> Result<u16, CliError> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| CliError::Server { reason: error.to_string() })
}

fn start(args: &GuardArgs, port: u16) -> Result<Child, CliError> {
    let server = Command::new(&args.program)
        .args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port"])
        .arg(port.to_string())
        .arg("--db-filename")
        .arg(args.folder.join("temporal.db"))
        // Nothing is lost when a process dies, and it is four times faster than the default journal.
        .args(["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"])
        .args(["--log-level", "error", "--log-format", "json"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| CliError::Server { reason: format!("{}: {error}", args.program.display()) })?;
    note(&args.folder, port, &server)?;
    Ok(server)
}

fn note(folder: &Path, port: u16, server: &Child) -> Result<(), CliError> {
    let role = match std::env::var("EMPIRIC_SERVER_ROLE").as_deref() {
        Ok("visit") => Role::Visit,
        _ => Role::Work,
    };
    let record = ServerRecord {
        address: format!("127.0.0.1:{port}"),
        server: server.id().unwrap_or_default() as i32,
        guard: std::process::id() as i32,
        role,
    };
    write_record(folder, &record).map_err(|source| CliError::File {
        action: "write",
        path: folder.to_owned(),
        source,
    })
}

async fn end(server: &mut Child) {
    if let Some(id) = server.id() {
        let _ = kill(Pid::from_raw(id as i32), Signal::SIGTERM);
    }
    if tokio::time::timeout(GRACE, server.wait()).await.is_err() {
        let _ = server.kill().await;
    }
}

//! Why a program ended: `exit.json` wins over the exit code, the code wins over text in the log.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;

use empiric_schema::job::{Exit, ExitClass};

/// Larger than any honest `exit.json`.
const EXIT_LIMIT: u64 = 8 << 20;

/// How the operating system says that a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ended {
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }

    /// The code that a shell would show.
    fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }

    pub(super) fn words(self) -> String {
        match self {
            Self::Code(code) => format!("exited with code {code}"),
            Self::Signal(signal) => format!("was ended by signal {signal}"),
        }
    }
}

/// Whether the kernel killed something in our memory group while the job ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryKill {
    /// Its counter went up.
    Seen,
    /// It did not, or cannot be read.
    Unseen,
}

/// Texts that give a cause away where the exit code says nothing.
const KNOWN_TEXTS: [(&str, ExitClass); 9] = [
    ("CUDA out of memory", ExitClass::GpuOom),
    ("CUDA_ERROR_OUT_OF_MEMORY", ExitClass::GpuOom),
    ("CUBLAS_STATUS_ALLOC_FAILED", ExitClass::GpuOom),
    ("HIP out of memory", ExitClass::GpuOom),
    ("NVRM: Xid", ExitClass::GpuFault),
    ("CUDA_ERROR_ECC_UNCORRECTABLE", ExitClass::GpuFault),
    ("GPU has fallen off the bus", ExitClass::GpuFault),
    ("No space left on device", ExitClass::DiskFull),
    ("Disk quota exceeded", ExitClass::DiskFull),
];

/// The class of an end that nobody asked for.
pub fn classify(exit: Option<&Exit>, ended: Ended, memory: MemoryKill, log_tail: &str) -> ExitClass {
    match exit.map(|exit| exit.class) {
        // Cancelled, but not by us: somebody else ended it, and it may go on elsewhere.
        Some(ExitClass::Cancelled) => return ExitClass::Preempted,
        Some(class) => return class,
        None => {}
    }
    match ExitClass::from_code(ended.code()) {
        ExitClass::Killed if memory == MemoryKill::Seen => ExitClass::HostOom,
        ExitClass::BugOrUnknown => class_of_text(log_tail).unwrap_or(ExitClass::BugOrUnknown),
        class => class,
    }
}

fn class_of_text(log_tail: &str) -> Option<ExitClass> {
    let known = KNOWN_TEXTS.iter().find(|(text, _)| log_tail.contains(text));
    known.map(|(_, class)| *class)
}

/// Reads `exit.json`. A torn, absent or enormous one is none: the exit code then speaks.
pub(super) fn read_exit(path: &Path) -> Option<Exit> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(EXIT_LIMIT).read_to_end(&mut bytes).ok()?;
    match serde_json::from_slice(&bytes) {
        Ok(exit) => Some(exit),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "an exit.json does not read and is ignored");
            None
        }
    }
}

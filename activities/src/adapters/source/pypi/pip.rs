//! Runs pip and understands what it says.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::WheelPath;
use crate::adapters::source::error::Fault;
use crate::adapters::source::progress::{Phase, Progress, Transfer};

/// Interpreters in the order in which they are tried.
const INTERPRETERS: [&str; 2] = ["python3", "python"];

/// How often the growing download is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Where pip's standard output goes, inside its working directory.
const LOG: &str = "pip.log";

/// Everything between the interpreter and the requirement.
const OPTIONS: &str = "-m pip download --no-deps --only-binary :all: --no-input \
    --disable-pip-version-check --progress-bar off --dest .";

/// Variables that pip and its interpreter may see, besides `PIP_*`.
const ALLOWED: &str = "PATH HOME USER LOGNAME LANG LC_ALL XDG_CACHE_HOME XDG_CONFIG_HOME \
    XDG_CONFIG_DIRS VIRTUAL_ENV PYTHONHOME NETRC SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE \
    CURL_CA_BUNDLE http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY";

/// Leaves the wheel in `staging`. The first interpreter that is there runs pip.
pub(super) async fn download(
    wanted: &WheelPath,
    staging: &Path,
    environment: &BTreeMap<String, String>,
    progress: &dyn Progress,
) -> Result<(), Fault> {
    for interpreter in INTERPRETERS {
        let started = |error| Fault::file(Path::new(interpreter), "start", error);
        let log = File::create(staging.join(LOG)).map_err(|error| Fault::file(staging, "write", error))?;
        match command(interpreter, wanted, staging, environment).stdout(log).spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            child => return follow(child.map_err(started)?, wanted, staging, progress).await,
        }
    }
    Err(Fault::ToolMissing { tool: "python3", advice: "install Python 3 with pip, or put it on PATH" })
}

/// Reports until pip ends.
async fn follow(
    child: Child,
    wanted: &WheelPath,
    staging: &Path,
    progress: &dyn Progress,
) -> Result<(), Fault> {
    let finished = child.wait_with_output();
    tokio::pin!(finished);
    loop {
        tokio::select! {
            output = &mut finished => {
                let output = output.map_err(|error| Fault::file(Path::new("pip"), "run", error))?;
                return judge(wanted, staging, &output);
            }
            () = tokio::time::sleep(POLL) => {
                let done = bytes_below(staging);
                let said = fs::read_to_string(staging.join(LOG)).unwrap_or_default();
                let total = announced(&said).map(|total| total.max(done));
                let label = wanted.label();
                progress.report(Transfer { label, phase: Phase::Fetching, done, total });
            }
        }
    }
}

fn command(
    interpreter: &str,
    wanted: &WheelPath,
    staging: &Path,
    environment: &BTreeMap<String, String>,
) -> Command {
    let allowed =
        |name: &str| name.starts_with("PIP_") || ALLOWED.split_whitespace().any(|known| known == name);
    let mut command = Command::new(interpreter);
    command
        .args(OPTIONS.split_whitespace())
        .arg(requirement(wanted))
        .env_clear()
        .envs(environment.iter().filter(|(name, _)| allowed(name)))
        // pip's own temporary files stay where they are cleaned up and where there is room.
        .env("TMPDIR", staging)
        .env("PYTHONIOENCODING", "utf-8")
        // `-m` puts the working directory on the module path: it must hold nobody's `pip.py`.
        .current_dir(staging)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn requirement(wanted: &WheelPath) -> String {
    format!("{}=={}", wanted.package, wanted.version)
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

/// The size in a line such as `Downloading x-1.0-py3-none-any.whl (92.9 MB)`, in bytes.
fn announced(said: &str) -> Option<u64> {
    let line = said.lines().rev().find(|line| line.contains(".whl ("))?;
    let (_, size) = line.rsplit_once('(')?;
    let (number, unit) = size.trim_end().trim_end_matches(')').split_once(' ')?;
    let unit = match unit {
        "bytes" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| (number * unit) as u64)
}

fn judge(wanted: &WheelPath, staging: &Path, output: &Output) -> Result<(), Fault> {
    if output.status.success() {
        return Ok(());
    }
    Err(diagnose(wanted, staging, String::from_utf8_lossy(&output.stderr).trim()))
}

/// What pip's messages mean. pip has one exit code for everything.
fn diagnose(wanted: &WheelPath, staging: &Path, said: &str) -> Fault {
    let tells = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    let requirement = requirement(wanted);
    if tells(&["No module named pip", "No module named 'pip'"]) {
        let advice = "install it with `python3 -m ensurepip` or the system's package python3-pip";
        Fault::ToolMissing { tool: "pip", advice }
    } else if tells(&["No space left on device", "Errno 28", "Disk quota exceeded"]) {
        Fault::DiskFull { path: staging.to_owned(), source: None }
    } else if tells(&NETWORK_SIGNS) {
        Fault::network(format!("pip could not download {requirement}"), tail(said))
    } else if tells(&["401 Client Error", "403 Client Error", "407 "]) {
        let what = format!("the package index refused {requirement}: {}", tail(said));
        Fault::Permission { what }
    } else if tells(&["No matching distribution found", "404 Client Error"]) {
        let what = format!("the package index has no wheel of {requirement} for this machine");
        Fault::NotFound { what }
    } else {
        Fault::ToolFailed { tool: "pip", message: tail(said) }
    }
}

/// After these pip also says that it found no distribution, which is then not the cause.
const NETWORK_SIGNS: [&str; 8] = [
    "connection broken",
    "Max retries exceeded",
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "Temporary failure in name resolution",
    "IncompleteRead",
];

/// The last lines of a message, for people.
fn tail(said: &str) -> String {
    let lines = said.lines().rev().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.take(3).collect();
    let text = lines.into_iter().rev().collect::<Vec<_>>().join("; ");
    text.chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use empiric_schema::source::{Location, SourceRef};
    use proptest::prelude::*;

    use super::*;
    use crate::adapters::source::FaultKind;

    fn wanted(package: &str, version: &str) -> WheelPath {
        WheelPath { package: package.into(), version: version.into(), path: "x".into() }
    }

    #[test]
    fn what_pip_says_is_understood() {
        for (said, expected) in [
            ("/usr/bin/python3: No module named pip", FaultKind::ToolMissing),
            ("ERROR: OSError: [Errno 28] No space left on device", FaultKind::DiskFull),
            ("after connection broken by X\nERROR: No matching distribution found", FaultKind::Network),
            ("ERROR: HTTP error 403\n403 Client Error: Forbidden", FaultKind::Permission),
            ("ERROR: No matching distribution found for x==1", FaultKind::NotFound),
            ("something else", FaultKind::Io),
        ] {
            let fault = diagnose(&wanted("x", "1"), Path::new("/staging"), said);
            assert_eq!(fault.kind(), expected, "{said}");
        }
    }

    #[test]
    fn the_announced_size_is_read_in_pips_units() {
        let line = |size: &str| format!("Collecting x\n  Downloading x-1-py3-none-any.whl ({size})\n");
        assert_eq!(announced(&line("92.9 MB")), Some(92_900_000));
        assert_eq!(announced(&line("1.5 kB")), Some(1500));
        assert_eq!(announced(&line("312 bytes")), Some(312));
        assert_eq!(announced(&line("many parts")), None);
        assert_eq!(announced("Processing x.whl\n"), None);
    }

    #[test]
    fn pip_sees_no_variable_that_it_has_no_use_for() {
        let names = ["PIP_INDEX_URL", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PYTHONPATH"];
        let environment = names.map(|name| (name.to_owned(), "value".to_owned())).into();
        let command = command("python3", &wanted("x", "1"), Path::new("/staging"), &environment);
        let seen: Vec<_> = command.as_std().get_envs().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(seen, ["HTTPS_PROXY", "PIP_INDEX_URL", "PYTHONIOENCODING", "TMPDIR"]);
    }

    proptest! {
        #[test]
        fn a_hostile_reference_arrives_as_one_argument_that_is_no_option(
            package in "\\PC{1,12}", version in "\\PC{1,8}",
        ) {
            let Ok(source) = SourceRef::parse(&format!("pypi://{package}@{version}/x")) else { return Ok(()) };
            let Location::Pypi { package, version, .. } = source.location else { return Ok(()) };
            let command = command("python3", &wanted(&package, &version), Path::new("/s"), &BTreeMap::new());
            let arguments: Vec<_> = command.as_std().get_args().collect();
            prop_assert_eq!(arguments.len(), OPTIONS.split_whitespace().count() + 1);
            prop_assert!(arguments.last().unwrap().to_str().unwrap().starts_with(|c: char| c.is_ascii_alphanumeric()));
        }
    }
}

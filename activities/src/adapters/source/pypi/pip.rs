//! Runs pip and understands what it says.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use super::WheelPath;
use crate::adapters::source::client::{self, ClientRun, tail};
use crate::adapters::source::error::Fault;
use crate::adapters::source::progress::Progress;

/// Interpreters in the order in which they are tried.
const INTERPRETERS: [&str; 2] = ["python3", "python"];

/// Everything between the interpreter and the requirement.
const OPTIONS: &str = "-m pip download --no-deps --only-binary :all: --no-input \
    --disable-pip-version-check --progress-bar off --dest .";

/// Variables that pip and its interpreter may see beside the general ones and `PIP_*`.
const ALLOWED: [&str; 5] = ["VIRTUAL_ENV", "PYTHONHOME", "NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Leaves the wheel in `staging`. The first interpreter that is there runs pip.
pub(super) async fn download(
    wanted: &WheelPath,
    staging: &Path,
    environment: &BTreeMap<String, String>,
    progress: &dyn Progress,
) -> Result<(), Fault> {
    let run = ClientRun { tool: "pip", label: wanted.label(), staging, progress, announced };
    for interpreter in INTERPRETERS {
        let started = |error| Fault::file(Path::new(interpreter), "start", error);
        match command(interpreter, wanted, staging, environment).stdout(run.log()?).spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            child => {
                let output = run.follow(child.map_err(started)?).await?;
                return judge(wanted, staging, &output);
            }
        }
    }
    Err(Fault::ToolMissing { tool: "python3", advice: "install Python 3 with pip, or put it on PATH" })
}

fn command(
    interpreter: &str,
    wanted: &WheelPath,
    staging: &Path,
    environment: &BTreeMap<String, String>,
) -> Command {
    let own = |name: &str| name.starts_with("PIP_") || ALLOWED.contains(&name);
    // The working directory is on the module path with `-m`: staging holds nobody's `pip.py`.
    let mut command = client::command(interpreter, staging, environment, own);
    command.args(OPTIONS.split_whitespace()).arg(requirement(wanted)).env("PYTHONIOENCODING", "utf-8");
    command
}

fn requirement(wanted: &WheelPath) -> String {
    format!("{}=={}", wanted.package, wanted.version)
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

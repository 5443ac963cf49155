//! Runs `npm pack` and understands what it says.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use super::PackagePath;
use crate::adapters::source::client::{self, ClientRun};
use crate::adapters::source::error::Fault;
use crate::adapters::source::progress::Progress;

/// Everything between the program and the package.
const OPTIONS: &str = "pack --ignore-scripts --loglevel=error --progress=false --update-notifier=false \
    --fund=false --audit=false --pack-destination=.";

/// Variables that npm may see beside the general ones and `npm_config_*`: those that a user's
/// `.npmrc` commonly names for its tokens, and certificates.
const ALLOWED: [&str; 4] = ["NPM_TOKEN", "NODE_AUTH_TOKEN", "NODE_EXTRA_CA_CERTS", "NVM_DIR"];

/// Leaves the tarball in `staging`.
pub(super) async fn download(
    wanted: &PackagePath,
    staging: &Path,
    environment: &BTreeMap<String, String>,
    progress: &dyn Progress,
) -> Result<(), Fault> {
    let announced = |_: &str| None;
    let run = ClientRun { tool: "npm", label: wanted.label(), staging, progress, announced };
    match command(wanted, staging, environment).stdout(run.log()?).spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(Fault::file(Path::new("npm"), "start", error)),
        Ok(child) => judge(wanted, staging, &run.follow(child).await?),
    }
}

fn missing() -> Fault {
    Fault::ToolMissing {
        tool: "npm",
        advice: "install Node.js with npm (the package nodejs or npm of your system, or https://nodejs.org), \
                 or put it on PATH",
    }
}

fn command(wanted: &PackagePath, staging: &Path, environment: &BTreeMap<String, String>) -> Command {
    let own = |name: &str| {
        let setting = name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("npm_config_"));
        setting || ALLOWED.contains(&name)
    };
    let mut command = client::command("npm", staging, environment, own);
    command.args(OPTIONS.split_whitespace()).arg(requirement(wanted));
    command
}

fn requirement(wanted: &PackagePath) -> String {
    format!("{}@{}", wanted.package, wanted.version)
}

fn judge(wanted: &PackagePath, staging: &Path, output: &Output) -> Result<(), Fault> {
    match output.status.success() {
        true => Ok(()),
        false => Err(diagnose(wanted, staging, String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// What npm's error codes mean.
fn diagnose(wanted: &PackagePath, staging: &Path, said: &str) -> Fault {
    let requirement = requirement(wanted);
    match code(said) {
        Some("E404" | "ETARGET" | "ENOVERSIONS") => {
            Fault::NotFound { what: format!("the npm registry has no {requirement}") }
        }
        Some("E401" | "E403" | "E407" | "ENEEDAUTH") => Fault::Permission {
            what: format!("the npm registry refused {requirement}: {}; `npm login` signs in", reason(said)),
        },
        Some("ENOSPC" | "EDQUOT") => Fault::DiskFull { path: staging.to_owned(), source: None },
        Some("EINTEGRITY") => {
            Fault::Damaged { what: format!("{requirement} is not what the registry announced") }
        }
        Some(code) if NETWORK_CODES.contains(&code) || code.starts_with("E5") => {
            Fault::network(format!("npm could not download {requirement}"), reason(said))
        }
        // npm is a script of Node's: without it the system's launcher speaks.
        None if said.contains("node") && said.to_lowercase().contains("no such file") => missing(),
        _ => Fault::ToolFailed { tool: "npm", message: reason(said) },
    }
}

const NETWORK_CODES: [&str; 12] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "EPIPE",
    "ERR_SOCKET_TIMEOUT",
    "ENOTCACHED",
    "E429",
];

/// The word after `npm error code`, or `npm ERR! code` before version 10.
fn code(said: &str) -> Option<&str> {
    said.lines().map(bare).find_map(|line| line.strip_prefix("code ")).map(str::trim)
}

/// The first lines of what npm said that are for people: below them are its stack and its own log.
fn reason(said: &str) -> String {
    const NOISE: [&str; 6] = ["code ", "errno ", "syscall ", "at ", "A complete log", "Log files"];
    let told = |line: &&str| !line.trim().is_empty() && !NOISE.iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = said.lines().map(bare).filter(told).take(2).collect();
    lines.join("; ").chars().take(600).collect()
}

fn bare(line: &str) -> &str {
    let line = line.strip_prefix("npm error").or_else(|| line.strip_prefix("npm ERR!")).unwrap_or(line);
    line.trim_start()
}

#[cfg(test)]
mod tests {
    use empiric_schema::source::{Location, SourceRef};
    use proptest::prelude::*;

    use super::*;
    use crate::adapters::source::FaultKind;

    fn wanted(package: &str, version: &str) -> PackagePath {
        PackagePath { package: package.into(), version: version.into(), path: None }
    }

    #[test]
    fn what_npm_says_is_understood() {
        for (said, expected) in [
            ("npm error code E404\nnpm error 404 Not Found - GET https://r/x", FaultKind::NotFound),
            ("npm error code ETARGET\nnpm error notarget No matching version", FaultKind::NotFound),
            ("npm ERR! code E401\nnpm ERR! Unable to authenticate", FaultKind::Permission),
            ("npm error code ENOSPC\nnpm error errno -28", FaultKind::DiskFull),
            ("npm error code EINTEGRITY\nnpm error sha512-x wanted", FaultKind::Corrupt),
            ("npm error code ECONNREFUSED\nnpm error errno ECONNREFUSED", FaultKind::Network),
            ("npm error code E503\nnpm error 503 Service Unavailable", FaultKind::Network),
            ("/usr/bin/env: 'node': No such file or directory", FaultKind::ToolMissing),
            ("something else", FaultKind::Io),
        ] {
            let fault = diagnose(&wanted("x", "1.0.0"), Path::new("/staging"), said);
            assert_eq!(fault.kind(), expected, "{said}");
        }
    }

    #[test]
    fn the_reason_is_told_without_npms_stack_and_log() {
        let said = "npm error code ECONNREFUSED\nnpm error syscall connect\nnpm error FetchError: request failed\n\
                    npm error     at ClientRequest.<anonymous> (index.js:130:14)\n\
                    npm error A complete log of this run can be found in: /home/x/.npm/_logs/1.log";
        assert_eq!(reason(said), "FetchError: request failed");
    }

    #[test]
    fn npm_sees_its_settings_and_no_variable_that_it_has_no_use_for() {
        let names = ["npm_config_registry", "NPM_CONFIG_USERCONFIG", "NPM_TOKEN", "AWS_SECRET_ACCESS_KEY"];
        let environment = names.map(|name| (name.to_owned(), "value".to_owned())).into();
        let command = command(&wanted("x", "1.0.0"), Path::new("/staging"), &environment);
        let seen: Vec<_> = command.as_std().get_envs().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(seen, ["NPM_CONFIG_USERCONFIG", "NPM_TOKEN", "TMPDIR", "npm_config_registry"]);
    }

    proptest! {
        #[test]
        fn a_hostile_reference_arrives_as_one_argument_that_is_no_option(
            package in "@?\\PC{1,12}", version in "[0-9.a-z^~<>=*-]{1,8}",
        ) {
            let Ok(source) = SourceRef::parse(&format!("npm://{package}@{version}/x")) else { return Ok(()) };
            let Location::Npm { package, version, .. } = source.location else { return Ok(()) };
            let command = command(&wanted(&package, &version), Path::new("/s"), &BTreeMap::new());
            let arguments: Vec<_> = command.as_std().get_args().collect();
            prop_assert_eq!(arguments.len(), OPTIONS.split_whitespace().count() + 1);
            let last = arguments.last().unwrap().to_str().unwrap();
            prop_assert!(last.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@'));
        }
    }
}

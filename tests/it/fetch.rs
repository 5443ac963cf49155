//! `empiric fetch`: sources for scripts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{Said, empiric, said};

/// A program that says what npm would, for the registry is not this program's.
fn with_npm(folder: &Path, script: &str) -> Command {
    let npm = folder.join("npm");
    std::fs::write(&npm, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&npm, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = empiric();
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    command.args(["--cache", folder.join("cache").to_str().unwrap()]);
    command
}

fn refused(said: &Said, code: i32, told: &str) {
    assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{}", said.err);
    assert!(said.err.contains("E0312") && said.err.contains(told), "{}", said.err);
}

#[test]
fn a_package_is_fetched_once_and_then_found_offline() {
    let folder = tempfile::tempdir().unwrap();
    let source = "npm://@tiny/mails@1.0.0";
    let fetched = said(with_npm(folder.path(), "echo mails > tiny-mails-1.0.0.tgz").args(["fetch", source]));
    assert_eq!(fetched.code, Some(0), "{}", fetched.err);
    assert_eq!(std::fs::read_to_string(fetched.out.trim_end()).unwrap(), "mails\n");
    let mut offline = with_npm(folder.path(), "exit 1");
    let again = said(offline.args(["--offline", "--output", "json", "fetch", source]));
    let told: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((told["size"].as_u64(), told["path"].as_str()), (Some(6), Some(fetched.out.trim_end())));
}

#[test]
fn what_cannot_be_had_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let fetch = |script: &str, flags: &[&str]| {
        said(with_npm(folder.path(), script).args(flags).args(["fetch", "npm://@tiny/mails@1.0.0/data"]))
    };
    refused(&fetch("exit 1", &["--offline"]), 69, "run once without offline mode");
    refused(&fetch("echo 'npm error code E404' >&2; exit 1", &[]), 65, "no @tiny/mails@1.0.0");
    refused(&fetch("echo 'npm error code ENOTFOUND' >&2; exit 1", &[]), 69, "npm could not download");
    std::fs::remove_file(folder.path().join("npm")).unwrap();
    let mut without = empiric();
    without.env("PATH", folder.path()).args(["--cache", folder.path().join("cache").to_str().unwrap()]);
    refused(&said(without.args(["fetch", "npm://@tiny/mails@1.0.0/data"])), 69, "install Node.js with npm");
}

#[test]
fn a_text_that_is_no_source_is_refused_with_the_right_form() {
    let said = said(empiric().args(["fetch", "npm://mails/data"]));
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("the exact version is missing"), "{}", said.err);
    assert!(said.err.contains("npm://package@version/path"), "{}", said.err);
}

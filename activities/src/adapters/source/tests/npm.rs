//! Packages through real npm, which is told to ask a registry in this test alone; and through a
//! program that speaks like npm, for what a registry cannot be made to do.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use empiric_schema::artifact::Digest;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest as _, Sha512};

use super::server::{Answer, Server};
use super::*;

/// The files of the package that most tests fetch.
const FILES: [(&str, &[u8]); 3] = [
    ("package/package.json", br#"{"name": "@tiny/mails", "version": "1.0.0"}"#),
    ("package/data/ham/1.txt", b"lunch at noon"),
    ("package/data/spam/1.txt", b"win a prize"),
];

fn tarball(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        // Written past the check of `set_path`: a hostile package does not check.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// What a registry says of a package that has one version.
fn packument(registry: &str, tarball: &[u8]) -> Vec<u8> {
    let integrity = base64(&Sha512::digest(tarball));
    let dist = json!({"tarball": format!("{registry}/tiny/mails-1.0.0.tgz"), "integrity": format!("sha512-{integrity}")});
    let version = json!({"name": "@tiny/mails", "version": "1.0.0", "dist": dist});
    let text =
        json!({"name": "@tiny/mails", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}});
    text.to_string().into_bytes()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |part: &[u8]| {
        let word = part.iter().chain([&0, &0]).take(3).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let digit = |at: usize| match at <= part.len() {
            true => DIGITS[(word >> (18 - 6 * at)) as usize & 63] as char,
            false => '=',
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(group).collect()
}

/// A registry with one package, and what its server is asked.
async fn registry(tarball: Vec<u8>) -> Server {
    Server::start(move |request, _| {
        let host = format!("http://{}", request.headers["host"]);
        match request.path.as_str() {
            "/@tiny%2fmails" | "/@tiny/mails" => {
                let headers = vec![("Content-Type", "application/json".to_owned())];
                Answer { status: 200, headers, body: packument(&host, &tarball), cut: None }
            }
            "/tiny/mails-1.0.0.tgz" => Answer { status: 200, body: tarball.clone(), ..Answer::default() },
            _ => Answer::status(404),
        }
    })
    .await
}

/// Whether there is an npm; without it these tests have nothing to test.
fn npm_is_there() -> bool {
    let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = quiet(Command::new("npm").arg("--version")).is_ok_and(|status| status.success());
    if !found {
        let _ = writeln!(std::io::stderr(), "skipped: npm is not on PATH");
    }
    found
}

/// A bench whose npm knows one registry, has a cache of its own, and no settings of the user.
fn bench(registry: &str) -> (TempDir, Bench) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_str().unwrap().to_owned();
    let config = format!("{folder}/none");
    let settings = [
        ("HOME", folder.as_str()),
        ("npm_config_registry", registry),
        ("npm_config_cache", &folder),
        ("npm_config_userconfig", &config),
        ("npm_config_fetch_retries", "0"),
        ("npm_config_strict_ssl", "false"),
    ];
    let bench = Bench::with(&settings);
    (home, bench)
}

#[tokio::test]
async fn a_file_a_folder_and_a_tarball_are_fetched_through_npm() {
    if !npm_is_there() {
        return;
    }
    let packed = tarball(&FILES);
    let server = registry(packed.clone()).await;
    let (_home, bench) = bench(&server.url("/"));
    let file = bench.resolve("npm://@tiny/mails@1.0.0/data/spam/1.txt").await.unwrap();
    assert_eq!((file.kind, file.digest.clone()), (SourceKind::File, Digest::of(b"win a prize")));
    let folder = bench.resolve("npm://@tiny/mails@1.0.0/data").await.unwrap();
    let names: Vec<_> = folder.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["ham/1.txt", "spam/1.txt"]);
    let whole = bench.resolve("npm://@tiny/mails@1.0.0").await.unwrap();
    assert_eq!((whole.kind, whole.digest.clone()), (SourceKind::File, Digest::of(&packed)));
    assert_eq!(bench.offline().resolve(&whole.source).await.unwrap(), whole);
    let pinned = format!("npm://@tiny/mails@1.0.0#sha256={}", Digest::of(b"other").hex());
    let (kind, text) = bench.fails(&pinned).await;
    assert_eq!(kind, FaultKind::Corrupt, "{text}");
}

#[tokio::test]
async fn a_package_a_version_or_a_path_that_is_not_there_is_named() {
    if !npm_is_there() {
        return;
    }
    let server = registry(tarball(&FILES)).await;
    let (_home, bench) = bench(&server.url("/"));
    for (text, told) in [
        ("npm://@tiny/mails@2.0.0/data", "no @tiny/mails@2.0.0"),
        ("npm://nobody@1.0.0/data", "no nobody@1.0.0"),
        ("npm://@tiny/mails@1.0.0/date", "it has package/data/ham/1.txt"),
    ] {
        let (kind, message) = bench.fails(text).await;
        assert_eq!(kind, FaultKind::NotFound, "{message}");
        assert!(message.contains(told), "{message}");
    }
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_a_failure_of_the_network() {
    if !npm_is_there() {
        return;
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_home, bench) = bench(&format!("http://{free}/"));
    let (kind, text) = bench.fails("npm://@tiny/mails@1.0.0/data").await;
    assert_eq!(kind, FaultKind::Network, "{text}");
}

/// A bench whose npm is this script; `$staging` is where it works.
fn scripted(script: &str) -> (TempDir, Bench) {
    let programs = tempfile::tempdir().unwrap();
    let npm = programs.path().join("npm");
    fs::write(&npm, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&npm, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.path().display());
    (programs, Bench::with(&[("PATH", &path)]))
}

/// A script that leaves this tarball.
fn leaving(folder: &Path, files: &[(&str, &[u8])]) -> String {
    let packed = folder.join("packed");
    fs::write(&packed, tarball(files)).unwrap();
    format!("for last; do :; done\necho \"$last\" > ../asked\ncp {} tiny-mails-1.0.0.tgz", packed.display())
}

#[tokio::test]
async fn npm_is_asked_for_the_exact_version_and_a_root_of_another_name_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let script = leaving(folder.path(), &[("mails/index.txt", b"root"), ("mails/data/a", b"A")]);
    let (_programs, bench) = scripted(&script);
    let file = bench.resolve("npm://@tiny/mails@1.0.0/data/a").await.unwrap();
    assert_eq!(file.digest, Digest::of(b"A"));
    let slot = file.path.ancestors().nth(2).unwrap().to_owned();
    assert_eq!(fs::read_to_string(slot.join("asked")).unwrap(), "@tiny/mails@1.0.0\n");
}

#[tokio::test]
async fn a_package_with_unsafe_names_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let script = leaving(folder.path(), &[("package/data/a", b"A"), ("../evil", b"x")]);
    let (_programs, bench) = scripted(&script);
    let (kind, text) = bench.fails("npm://@tiny/mails@1.0.0/data/a").await;
    assert_eq!(kind, FaultKind::Corrupt, "{text}");
    assert!(text.contains("unsafe path"), "{text}");
}

#[tokio::test]
async fn a_refusal_says_how_to_sign_in_and_leaves_nothing_in_the_cache() {
    let (_programs, bench) = scripted("echo 'npm error code E401' >&2; exit 1");
    let (kind, text) = bench.fails("npm://@tiny/mails@1.0.0/data").await;
    assert_eq!(kind, FaultKind::Permission, "{text}");
    assert!(text.contains("`npm login` signs in"), "{text}");
    assert_eq!(bench.cached(), ["staging"]);
}

#[tokio::test]
async fn without_npm_the_error_says_what_to_install() {
    let empty = tempfile::tempdir().unwrap();
    let bench = Bench::with(&[("PATH", empty.path().to_str().unwrap())]);
    let (kind, text) = bench.fails("npm://@tiny/mails@1.0.0/data").await;
    assert_eq!(kind, FaultKind::ToolMissing, "{text}");
    assert!(text.contains("install Node.js with npm"), "{text}");
}

#[tokio::test]
async fn offline_npm_is_not_even_started() {
    let (_programs, bench) = scripted("echo started > ../../../started");
    let error = bench.offline().resolve(&source("npm://@tiny/mails@1.0.0/data")).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Offline);
    assert!(!bench.folder.path().join("cache/started").exists());
}

//! The parser behind [`SourceRef::parse`](super::SourceRef::parse).

use super::{Location, SourceRef, SourceRefError};
use crate::artifact::Digest;

const ANY: &str = "file://, pypi://, npm://, hf://, https:// or s3://";
const FILE: &str = "`file://path/from/the/project/folder`";
const PYPI: &str = "`pypi://package@version/path/inside/the/wheel`";
const NPM: &str = "`npm://package@version/path/inside/the/package`, or `npm://@scope/package@version/path`";
const HUB: &str = "`hf://organisation/repository/file@revision`";
const WEB: &str = "`https://host/path`, or `http://127.0.0.1:port/path` on this machine";
const S3: &str = "`s3://bucket/key`";
const DIGEST: &str = "`#sha256=` and 64 lowercase hexadecimal digits";

/// A refusal before the whole text is known to it: reason and expected form.
type Refusal = (String, &'static str);

/// Splits off the pinned digest, then parses by scheme.
pub(super) fn source(text: &str) -> Result<SourceRef, SourceRefError> {
    parts(text).map_err(|(reason, expected)| SourceRefError { text: text.to_owned(), reason, expected })
}

fn parts(text: &str) -> Result<SourceRef, Refusal> {
    if text.chars().any(char::is_control) {
        return refuse("it contains a control character", ANY);
    }
    let (place, expected) = match text.split_once('#') {
        Some((place, fragment)) => (place, Some(pinned(fragment)?)),
        None => (text, None),
    };
    Ok(SourceRef { location: location(place)?, expected })
}

fn pinned(fragment: &str) -> Result<Digest, Refusal> {
    let digits = fragment.strip_prefix("sha256=");
    let digest = digits.and_then(|digits| format!("sha256:{digits}").parse().ok());
    digest.ok_or_else(|| (format!("`#{fragment}` is not a digest"), DIGEST))
}

fn location(place: &str) -> Result<Location, Refusal> {
    match place.split_once("://") {
        Some(("file", rest)) => file(rest),
        Some(("pypi", rest)) => pypi(rest),
        Some(("npm", rest)) => npm(rest),
        Some(("hf", rest)) => hub(rest),
        Some(("https" | "http", _)) => web(place),
        Some(("s3", rest)) => s3(rest),
        Some((scheme, _)) => refuse(&format!("the scheme `{scheme}` is unknown"), ANY),
        None => refuse("it has no scheme", ANY),
    }
}

fn file(rest: &str) -> Result<Location, Refusal> {
    if rest.trim_matches('/').is_empty() {
        return refuse("the path is empty", FILE);
    }
    if rest.split('/').any(|part| part == "..") {
        return refuse("`..` leads out of the project folder", FILE);
    }
    Ok(Location::File { pattern: rest.to_owned() })
}

fn pypi(rest: &str) -> Result<Location, Refusal> {
    let Some((requirement, path)) = rest.split_once('/') else {
        return refuse("the path inside the wheel is missing", PYPI);
    };
    let Some((package, version)) = requirement.split_once('@') else {
        return refuse("the exact version is missing", PYPI);
    };
    if !is_package_name(package) {
        return refuse(&format!("`{package}` is not a package name"), PYPI);
    }
    if !is_version(version) {
        return refuse(&format!("`{version}` is not an exact version"), PYPI);
    }
    let path = inner_path(path, PYPI)?;
    Ok(Location::Pypi { package: package.to_owned(), version: version.to_owned(), path })
}

/// The name rule of the Python packaging specification; a leading letter or digit also means that
/// no package name can be read as an option of pip.
fn is_package_name(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    edge(name.as_bytes().first()) && edge(name.as_bytes().last()) && name.bytes().all(inner)
}

fn is_version(version: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'!' | b'+' | b'_' | b'-');
    version.starts_with(|c: char| c.is_ascii_alphanumeric()) && version.bytes().all(allowed)
}

fn npm(rest: &str) -> Result<Location, Refusal> {
    // The `@` of a scope comes first, so the one before the version is looked for behind it.
    let scope = usize::from(rest.starts_with('@'));
    let Some((name, version)) = rest[scope..].split_once('@') else {
        return refuse("the exact version is missing", NPM);
    };
    let package = &rest[..scope + name.len()];
    if !is_npm_name(package) {
        return refuse(&format!("`{package}` is not a package name"), NPM);
    }
    let (version, path) = match version.split_once('/') {
        Some((version, path)) => (version, Some(inner_path(path, NPM)?)),
        None => (version, None),
    };
    if !is_semantic_version(version) {
        return refuse(&format!("`{version}` is not an exact version such as 0.2.3"), NPM);
    }
    Ok(Location::Npm { package: package.to_owned(), version: version.to_owned(), path })
}

/// `name` or `@scope/name`. No part begins with a character that npm reads as an option, a path or an
/// address.
fn is_npm_name(package: &str) -> bool {
    let parts: Vec<&str> = match package.strip_prefix('@') {
        Some(scoped) => scoped.split('/').collect(),
        None => vec![package],
    };
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'~');
    let is_part =
        |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.bytes().all(inner);
    let wanted = if package.starts_with('@') { 2 } else { 1 };
    package.len() <= 214 && parts.len() == wanted && parts.into_iter().all(is_part)
}

/// Three numbers, perhaps with more behind `-` or `+`. `1`, `^1.2.0` and `latest` can mean other bytes
/// tomorrow.
fn is_semantic_version(version: &str) -> bool {
    let (numbers, more) = match version.find(['-', '+']) {
        Some(at) => (&version[..at], Some(&version[at + 1..])),
        None => (version, None),
    };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
    let right = more.is_none_or(|more| !more.is_empty() && more.bytes().all(allowed));
    numbers.split('.').count() == 3 && numbers.split('.').all(is_number) && right
}

fn hub(rest: &str) -> Result<Location, Refusal> {
    let (path, revision) = match rest.rsplit_once('@') {
        Some((path, revision)) => (path, revision),
        None => (rest, "main"),
    };
    if !is_revision(revision) {
        return refuse(&format!("`{revision}` is not a revision"), HUB);
    }
    let mut parts = path.splitn(3, '/');
    let (Some(owner), Some(name), Some(file)) = (parts.next(), parts.next(), parts.next()) else {
        return refuse("organisation, repository or file is missing", HUB);
    };
    if !is_package_name(owner) || !is_package_name(name) {
        return refuse(&format!("`{owner}/{name}` is not a repository"), HUB);
    }
    let file = inner_path(file, HUB)?;
    Ok(Location::Hub { repository: format!("{owner}/{name}"), file, revision: revision.to_owned() })
}

fn is_revision(revision: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    !revision.is_empty() && !revision.contains("..") && revision.bytes().all(allowed)
}

fn web(url: &str) -> Result<Location, Refusal> {
    let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.is_empty() || path.is_empty() {
        return refuse("the host or the path is missing", WEB);
    }
    if authority.contains('@') {
        return refuse("credentials do not belong in an address", WEB);
    }
    if url.contains([' ', '\\']) {
        return refuse("it contains a space or a backslash", WEB);
    }
    if scheme == "http" && !is_loopback(authority) {
        return refuse("plain http is for loopback alone", WEB);
    }
    Ok(Location::Web { url: url.to_owned() })
}

/// Whether `host[:port]` is this machine. A name other than `localhost` is never resolved here.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn s3(rest: &str) -> Result<Location, Refusal> {
    let Some((bucket, key)) = rest.split_once('/') else {
        return refuse("the key is missing", S3);
    };
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    if bucket.len() < 3 || !bucket.bytes().all(allowed) {
        return refuse(&format!("`{bucket}` is not a bucket name"), S3);
    }
    Ok(Location::S3 { bucket: bucket.to_owned(), key: inner_path(key, S3)? })
}

/// A relative path of plain names: nothing in it can lead out of the place that holds it.
fn inner_path(path: &str, expected: &'static str) -> Result<String, Refusal> {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return refuse("the path is empty", expected);
    }
    if path.contains('\\') || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return refuse(&format!("`{path}` is not a plain relative path"), expected);
    }
    Ok(path.to_owned())
}

fn refuse<T>(reason: &str, expected: &'static str) -> Result<T, Refusal> {
    Err((reason.to_owned(), expected))
}

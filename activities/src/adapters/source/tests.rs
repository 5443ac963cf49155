//! Tests of the resolver: against files, a server in the test, and real pip and npm without a network.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use empiric_schema::source::SourceRef;
use tempfile::TempDir;

use super::*;

mod bucket;
mod cache;
mod hub;
mod local;
mod npm;
mod pypi;
mod server;
mod web;

/// A project, a cache and a resolver that tries again without a pause.
struct Bench {
    folder: TempDir,
    resolver: SourceResolver,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir(&project).unwrap();
        let resolver = SourceResolver::new(project, folder.path().join("cache"))
            .with_retry(Retry { attempts: 3, pause: Duration::ZERO });
        Self { folder, resolver }
    }

    fn with(variables: &[(&str, &str)]) -> Self {
        let bench = Self::new();
        let mut environment: BTreeMap<String, String> = std::env::vars().collect();
        environment.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        Self { resolver: bench.resolver.with_environment(environment), folder: bench.folder }
    }

    fn offline(&self) -> SourceResolver {
        self.resolver.clone().with_network(NetworkMode::Offline)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join("project").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    async fn resolve(&self, text: &str) -> Result<Resolved, SourceError> {
        self.resolver.resolve(&source(text)).await
    }

    /// Resolves a source that must fail; gives class and message with all causes.
    async fn fails(&self, text: &str) -> (FaultKind, String) {
        let error = self.resolve(text).await.expect_err(text);
        (error.kind(), chain(&error))
    }

    /// The files of the cache that are no locks, relative to the one slot.
    fn cached(&self) -> Vec<String> {
        let sources = self.folder.path().join("cache/sources");
        let slots = fs::read_dir(sources).unwrap().flatten().map(|slot| slot.path());
        let mut names = Vec::new();
        for slot in slots {
            let entries = fs::read_dir(slot).unwrap().flatten();
            names.extend(entries.map(|entry| entry.file_name().into_string().unwrap()));
        }
        names.retain(|name| name != "lock");
        names.sort();
        names
    }
}

fn source(text: &str) -> SourceRef {
    SourceRef::parse(text).unwrap()
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Bytes without a short period, so that a wrong offset shows.
fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn a_full_disk_is_an_error_of_its_own() {
    let fault = Fault::file("/cache/x".as_ref(), "write", std::io::Error::from_raw_os_error(28));
    assert_eq!(fault.kind(), FaultKind::DiskFull);
    assert!(fault.to_string().contains("no space left at /cache/x; free some space"), "{fault}");
    let denied = Fault::file("/cache/x".as_ref(), "write", std::io::Error::from_raw_os_error(13));
    assert_eq!(denied.kind(), FaultKind::Permission);
}

fn shared<F: Fn(Transfer<'_>) + Send + Sync + 'static>(report: F) -> Arc<dyn Progress> {
    Arc::new(report)
}

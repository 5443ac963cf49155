//! What makes two jobs the same: kind, parameters, seed, repeat and program. Not what they may cost.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use empiric_schema::artifact::Digest;
use empiric_schema::id::JobKey;
use empiric_schema::job::{JobKind, JobSpec};
use serde::{Deserialize, Serialize};

use crate::adapters::durable::{blocking, measure_file, write_atomically};

/// Digests of programs that were measured before.
const CACHE_FILE: &str = "programs.json";

#[derive(Serialize)]
struct KeyParts<'a> {
    kind: &'a JobKind,
    seed: u64,
    repeat: u32,
    program: &'a Digest,
    /// Contents of the files that a command's arguments name.
    files: BTreeMap<&'a str, Digest>,
}

/// The job's key: 64 hexadecimal digits, also the name of its folder. A command's files count with
/// their contents where an argument is an absolute path.
pub(super) async fn job_key(job: &JobSpec, program: &Digest) -> io::Result<JobKey> {
    let mut files = BTreeMap::new();
    if let JobKind::Command { argv } = &job.kind {
        for argument in argv.iter().filter(|argument| Path::new(argument).is_absolute()) {
            if let Some(digest) = file_digest(PathBuf::from(argument)).await? {
                files.insert(argument.as_str(), digest);
            }
        }
    }
    let parts = KeyParts { kind: &job.kind, seed: job.seed, repeat: job.repeat, program, files };
    let digest = Digest::of_json(&parts).map_err(io::Error::other)?;
    Ok(JobKey::new(digest.hex()))
}

async fn file_digest(path: PathBuf) -> io::Result<Option<Digest>> {
    blocking(move || match path.is_file() {
        true => measure_file(&path).map(|measured| Some(measured.digest)),
        false => Ok(None),
    })
    .await
}

/// What a file looks like without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    /// Nanoseconds since the epoch of the last change.
    modified: u128,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::metadata(path)?;
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { size: meta.len(), modified: modified.as_nanos() })
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Measured {
    #[serde(flatten)]
    stamp: Stamp,
    digest: Digest,
}

/// The digest of a program, measured again only if the file has changed: a debug build has
/// hundreds of megabytes.
pub(super) async fn program_digest(program: &Path, jobs_dir: &Path) -> io::Result<Digest> {
    let (program, cache_path) = (program.to_owned(), jobs_dir.join(CACHE_FILE));
    blocking(move || {
        let name = program.display().to_string();
        let stamp = Stamp::of(&program)?;
        let mut cache = read_cache(&cache_path);
        if let Some(known) = cache.get(&name).filter(|known| known.stamp == stamp) {
            return Ok(known.digest.clone());
        }
        let digest = measure_file(&program)?.digest;
        cache.insert(name, Measured { stamp, digest: digest.clone() });
        write_atomically(&cache_path, &serde_json::to_vec_pretty(&cache)?)?;
        Ok(digest)
    })
    .await
}

/// A cache that does not read is an empty one.
fn read_cache(path: &Path) -> BTreeMap<String, Measured> {
    let bytes = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use empiric_schema::budget::Spend;

    use super::*;

    fn job(argv: &[&str]) -> JobSpec {
        let argv = argv.iter().map(|&word| word.to_owned()).collect();
        JobSpec { kind: JobKind::Command { argv }, seed: 1, repeat: 0, reserve: Spend::default() }
    }

    #[tokio::test]
    async fn a_reservation_is_no_part_of_the_key_and_everything_else_is() {
        let program = Digest::of(b"program");
        let base = job(&["a"]);
        let key = job_key(&base, &program).await.unwrap();
        let paid = JobSpec { reserve: Spend { tokens: 9, ..Spend::default() }, ..base.clone() };
        assert_eq!(job_key(&paid, &program).await.unwrap(), key);
        for other in [job(&["b"]), JobSpec { seed: 2, ..base.clone() }, JobSpec { repeat: 1, ..base.clone() }]
        {
            assert_ne!(job_key(&other, &program).await.unwrap(), key);
        }
        assert_ne!(job_key(&base, &Digest::of(b"rebuilt")).await.unwrap(), key);
    }

    #[tokio::test]
    async fn a_changed_script_is_another_job() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("train.py");
        let argv = ["python3", script.to_str().unwrap()];
        fs::write(&script, "1").unwrap();
        let before = job_key(&job(&argv), &Digest::of(b"")).await.unwrap();
        fs::write(&script, "2").unwrap();
        assert_ne!(job_key(&job(&argv), &Digest::of(b"")).await.unwrap(), before);
    }

    #[tokio::test]
    async fn a_changed_program_is_measured_again() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, "one").unwrap();
        for _ in 0..2 {
            assert_eq!(program_digest(&program, folder.path()).await.unwrap(), Digest::of(b"one"));
        }
        fs::write(&program, "other").unwrap();
        assert_eq!(program_digest(&program, folder.path()).await.unwrap(), Digest::of(b"other"));
    }
}

//! Who may run a job and publish its outcome.
//!
//! `owner.json` in the job's folder names the attempt that has the job. Its worker touches the file
//! while it lives. Whoever finds an owner whose worker is dead, or silent for too long, takes the job
//! over; the old attempt then finds another token in the file and publishes nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::attempts;
use super::tree::{Family, ProcessId};
use crate::adapters::durable::{blocking, write_atomically};

const OWNER_FILE: &str = "owner.json";
const LOCK_FILE: &str = "lock";

/// Contents of `owner.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// Unlike every other attempt's.
    token: String,
    worker: ProcessId,
    /// The program, once it was started.
    child: Option<ProcessId>,
    /// The token of the program's environment where it is not the attempt's: a warm runner has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    runner: Option<String>,
}

impl Owner {
    /// What the attempt may have left running.
    pub(super) fn family(&self) -> Family {
        Family { leader: self.child, token: self.runner.as_ref().unwrap_or(&self.token).clone() }
    }
}

/// The right to run and publish, until another attempt takes it.
#[derive(Debug)]
pub(super) struct Lease {
    folder: PathBuf,
    owner: Owner,
    /// From 1, over all runs and restarts.
    pub(super) attempt: u32,
}

/// The answer to a claim.
#[derive(Debug)]
pub(super) enum Claim {
    /// The job is ours; an owner before us may have left something running.
    Granted(Lease, Option<Owner>),
    /// Somebody else is at it.
    Busy(Sighting),
}

/// An owner as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    owner: Owner,
    touched: Option<SystemTime>,
}

/// Notices that an owner has gone silent, by this process's clock alone: clocks of files may jump.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    seen: Option<(Sighting, Instant)>,
}

impl Silence {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, seen: None }
    }

    /// Takes note of a sighting. Gives the owner if it has not changed for too long.
    pub(super) fn note(&mut self, sighting: Sighting, now: Instant) -> Option<Owner> {
        match &self.seen {
            Some((before, since)) if *before == sighting => {
                (now.duration_since(*since) > self.limit).then_some(sighting.owner)
            }
            _ => {
                self.seen = Some((sighting, now));
                None
            }
        }
    }
}

/// Claims the job of this folder, also from a dead owner or from the `silent` one.
pub(super) async fn claim(folder: &Path, silent: Option<Owner>) -> io::Result<Claim> {
    let folder = folder.to_owned();
    locked(folder.clone(), move || {
        let previous = read_owner(&folder)?;
        match previous {
            Some(owner) if Some(&owner) != silent.as_ref() && owner.worker.is_alive() => {
                Ok(Claim::Busy(Sighting { touched: touched(&folder), owner }))
            }
            previous => Ok(Claim::Granted(Lease::begin(folder)?, previous)),
        }
    })
    .await
}

impl Lease {
    fn begin(folder: PathBuf) -> io::Result<Self> {
        let attempt = attempts::last(&folder)? + 1;
        let token = Uuid::new_v4().simple().to_string();
        let owner = Owner { token, worker: ProcessId::current(), child: None, runner: None };
        write_owner(&folder, &owner)?;
        let lease = Self { folder, owner, attempt };
        fs::create_dir_all(lease.attempt_folder())?;
        Ok(lease)
    }

    /// Where this attempt works.
    pub(super) fn attempt_folder(&self) -> PathBuf {
        attempts::folder(&self.folder, self.attempt)
    }

    pub(super) fn token(&self) -> &str {
        &self.owner.token
    }

    /// Records the program, so that a later attempt can end it.
    pub(super) async fn record_child(&mut self, family: &Family) -> io::Result<bool> {
        self.owner.child = family.leader;
        self.owner.runner = (family.token != self.owner.token).then(|| family.token.clone());
        let owner = self.owner.clone();
        self.if_held(move |folder| write_owner(folder, &owner)).await
    }

    /// Says that we live. `false` if another attempt has the job.
    pub(super) fn renew(&self) -> io::Result<bool> {
        if !self.is_held()? {
            return Ok(false);
        }
        File::open(self.folder.join(OWNER_FILE))?.set_modified(SystemTime::now())?;
        Ok(true)
    }

    /// Does `work` in the job's folder unless another attempt has the job; `false` if it has.
    pub(super) async fn if_held<F>(&self, work: F) -> io::Result<bool>
    where
        F: FnOnce(&Path) -> io::Result<()> + Send + 'static,
    {
        let (folder, token) = (self.folder.clone(), self.owner.token.clone());
        locked(folder.clone(), move || {
            let held = read_owner(&folder)?.is_some_and(|owner| owner.token == token);
            if held {
                work(&folder)?;
            }
            Ok(held)
        })
        .await
    }

    /// Gives the job back. Nothing of it may be running.
    pub(super) async fn release(self) -> io::Result<()> {
        self.if_held(|folder| fs::remove_file(folder.join(OWNER_FILE))).await.map(|_| ())
    }

    fn is_held(&self) -> io::Result<bool> {
        Ok(read_owner(&self.folder)?.is_some_and(|owner| owner.token == self.owner.token))
    }
}

fn read_owner(folder: &Path) -> io::Result<Option<Owner>> {
    match fs::read(folder.join(OWNER_FILE)) {
        // A file that does not read is no owner's: owners write whole files.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_owner(folder: &Path, owner: &Owner) -> io::Result<()> {
    write_atomically(&folder.join(OWNER_FILE), &serde_json::to_vec(owner)?)
}

fn touched(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder.join(OWNER_FILE)).and_then(|meta| meta.modified()).ok()
}

/// Runs `work` while no other process and no other task is in the folder's critical section.
async fn locked<T, F>(folder: PathBuf, work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    blocking(move || {
        let file = File::create(folder.join(LOCK_FILE))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| io::Error::from(error))?;
        let outcome = work();
        drop(lock);
        outcome
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn granted(folder: &Path, silent: Option<Owner>) -> (Lease, Option<Owner>) {
        match claim(folder, silent).await.unwrap() {
            Claim::Granted(lease, previous) => (lease, previous),
            Claim::Busy(sighting) => panic!("busy: {sighting:?}"),
        }
    }

    #[tokio::test]
    async fn a_living_owner_keeps_others_out_until_it_gives_the_job_back() {
        let folder = tempfile::tempdir().unwrap();
        let (lease, previous) = granted(folder.path(), None).await;
        assert!(previous.is_none() && lease.attempt == 1);
        assert!(matches!(claim(folder.path(), None).await.unwrap(), Claim::Busy(_)));
        lease.release().await.unwrap();
        let (lease, previous) = granted(folder.path(), None).await;
        assert!(previous.is_none() && lease.attempt == 2);
    }

    #[tokio::test]
    async fn a_late_attempt_can_neither_renew_nor_publish() {
        let folder = tempfile::tempdir().unwrap();
        let (late, _) = granted(folder.path(), None).await;
        let (lease, previous) = granted(folder.path(), Some(late.owner.clone())).await;
        assert_eq!(previous, Some(late.owner.clone()));
        assert!(!late.renew().unwrap());
        let publish = |folder: &Path| fs::write(folder.join("outcome"), b"late");
        assert!(!late.if_held(publish).await.unwrap());
        assert!(!folder.path().join("outcome").exists());
        late.release().await.unwrap();
        assert!(lease.renew().unwrap());
    }

    #[tokio::test]
    async fn an_owner_whose_worker_is_dead_is_succeeded_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let dead = ProcessId { start: 1, ..ProcessId::current() };
        let owner = Owner { token: "old".into(), worker: dead, child: None, runner: None };
        write_owner(folder.path(), &owner).unwrap();
        let (_, previous) = granted(folder.path(), None).await;
        assert_eq!(previous, Some(owner));
    }

    #[test]
    fn silence_is_measured_from_the_last_change_seen() {
        let owner = Owner { token: "a".into(), worker: ProcessId::current(), child: None, runner: None };
        let touched = |seconds| Sighting {
            owner: owner.clone(),
            touched: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        };
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut silence = Silence::new(Duration::from_secs(10));
        assert_eq!(silence.note(touched(1), after(0)), None);
        assert_eq!(silence.note(touched(2), after(9)), None);
        assert_eq!(silence.note(touched(2), after(19)), None);
        assert_eq!(silence.note(touched(2), after(20)), Some(owner.clone()));
    }
}

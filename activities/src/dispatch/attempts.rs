//! The folders of a job's attempts, `attempt-1`, `attempt-2` ..., side by side in the job's folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use empiric_schema::job::CHECKPOINT_FOLDER;

const PREFIX: &str = "attempt-";

/// Where an attempt works.
pub(super) fn folder(job: &Path, attempt: u32) -> PathBuf {
    job.join(format!("{PREFIX}{attempt}"))
}

/// The number of the last attempt; 0 before the first.
pub(super) fn last(job: &Path) -> io::Result<u32> {
    Ok(numbers(job)?.into_iter().max().unwrap_or(0))
}

/// The newest checkpoints that an attempt before this one has left, if any has.
pub(super) fn checkpoints_before(attempt_folder: &Path, attempt: u32) -> Option<PathBuf> {
    let job = attempt_folder.parent()?;
    let mut earlier = numbers(job).ok()?;
    earlier.retain(|number| *number < attempt);
    earlier.sort_unstable();
    let mut folders = earlier.into_iter().rev().map(|number| folder(job, number).join(CHECKPOINT_FOLDER));
    folders.find(|checkpoints| has_any(checkpoints))
}

/// Removes all attempts before the last one, and what that one would have gone on from.
pub(super) fn keep_last(job: &Path, last: u32) -> io::Result<()> {
    for number in numbers(job)?.into_iter().filter(|number| *number < last) {
        remove(&folder(job, number))?;
    }
    remove(&folder(job, last).join(CHECKPOINT_FOLDER))
}

/// Files that are still being written have hidden or temporary names.
fn has_any(checkpoints: &Path) -> bool {
    let Ok(entries) = fs::read_dir(checkpoints) else { return false };
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| !name.starts_with('.') && !name.ends_with(".tmp"))
}

/// Numbers of real folders whose names are exactly those of attempts.
fn numbers(job: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(job)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        if let Some(number) = number.filter(|number| *folder(job, *number) == *entry.path())
            && entry.file_type()?.is_dir()
        {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

/// A link is removed and not followed (`remove_dir_all`).
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A job's folder with these attempts, each with these files.
    fn job(attempts: &[(u32, &[&str])]) -> tempfile::TempDir {
        let job = tempfile::tempdir().unwrap();
        for (number, files) in attempts {
            fs::create_dir(folder(job.path(), *number)).unwrap();
            for file in *files {
                let path = folder(job.path(), *number).join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "x").unwrap();
            }
        }
        job
    }

    fn names(job: &Path) -> Vec<String> {
        let entries = fs::read_dir(job).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_checkpoints_of_earlier_attempts_are_found() {
        let whole = "checkpoints/step-4/weights";
        let job = job(&[
            (2, &[whole]),
            (9, &[whole]),
            (10, &["checkpoints/.step-6.tmp", "checkpoints/step-6.tmp", "job.log"]),
            (11, &[]),
            (12, &[whole]),
        ]);
        let before = |attempt| checkpoints_before(&folder(job.path(), attempt), attempt);
        assert_eq!(before(2), None);
        assert_eq!(before(9), Some(job.path().join("attempt-2/checkpoints")));
        assert_eq!(before(12), Some(job.path().join("attempt-9/checkpoints")), "what is torn does not count");
        assert_eq!(before(13), Some(job.path().join("attempt-12/checkpoints")));
    }

    #[test]
    fn of_a_job_that_ended_well_the_last_attempt_stays_without_its_checkpoints() {
        let job =
            job(&[(1, &["job.log"]), (2, &["checkpoints/step-4"]), (10, &["checkpoints/a/b", "job.log"])]);
        for file in ["outcome.json", "owner.json", "attempt-x", "attempt-3"] {
            fs::write(job.path().join(file), "x").unwrap();
        }
        keep_last(job.path(), 10).unwrap();
        let left = ["attempt-10", "attempt-3", "attempt-x", "outcome.json", "owner.json"];
        assert_eq!(names(job.path()), left);
        assert_eq!(names(&folder(job.path(), 10)), ["job.log"]);
        assert_eq!(last(job.path()).unwrap(), 10, "numbers go on");
        keep_last(job.path(), 10).unwrap();
    }

    #[test]
    fn links_and_other_spellings_are_no_attempts() {
        let elsewhere = job(&[(1, &["precious"])]);
        let job = job(&[(3, &[])]);
        std::os::unix::fs::symlink(elsewhere.path().join("attempt-1"), job.path().join("attempt-2")).unwrap();
        fs::create_dir(job.path().join("attempt-01")).unwrap();
        keep_last(job.path(), 3).unwrap();
        assert_eq!(names(job.path()), ["attempt-01", "attempt-2", "attempt-3"]);
        assert!(elsewhere.path().join("attempt-1/precious").exists());
    }
}

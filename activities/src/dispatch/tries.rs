//! How often one request has failed in one way: the budgets of retries are counted apart, so that
//! lost workers do not use up what a program's own failures are allowed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use empiric_schema::job::ExitClass;
use serde::{Deserialize, Serialize};

const FILE: &str = "failures.jsonl";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// The activity, the same over all of its attempts.
    request: String,
    class: ExitClass,
}

/// Notes a failure in the job's folder and gives how many of its kind the request has had, this one
/// included.
pub(super) fn note(folder: &Path, request: &str, class: ExitClass) -> io::Result<u32> {
    fs::create_dir_all(folder)?;
    let path = folder.join(FILE);
    let line = Line { request: request.to_owned(), class };
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())?;
    let text = fs::read_to_string(&path)?;
    let same =
        text.lines().filter(|text| serde_json::from_str::<Line>(text).is_ok_and(|other| other == line));
    Ok(u32::try_from(same.count()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_classes_are_counted_apart() {
        let folder = tempfile::tempdir().unwrap();
        let note = |request, class| note(folder.path(), request, class).unwrap();
        assert_eq!(note("a", ExitClass::Killed), 1);
        assert_eq!(note("a", ExitClass::BugOrUnknown), 1);
        assert_eq!(note("b", ExitClass::BugOrUnknown), 1);
        assert_eq!(note("a", ExitClass::BugOrUnknown), 2);
    }
}

//! `empiric demo`: the staff-handbook example from nothing to a report.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::run;
use crate::cli::{DemoArgs, Global, RunArgs};
use crate::error::CliError;
use crate::output;
use crate::place::{PROJECT_FILE, Place};

/// Where the example is, from the root of the repository.
const EXAMPLE: &str = "examples/staff-handbook";

pub(super) async fn execute(args: &DemoArgs, global: &Global) -> Result<ExitCode, CliError> {
    let example = args.example.clone().unwrap_or_else(find_example);
    if !example.join(PROJECT_FILE).is_file() {
        return Err(CliError::NoProject { path: example.join(PROJECT_FILE) });
    }
    let place = Place::new(&Global { project: example, ..global.clone() });
    output::talk(
        "demo: a 135M model and a hotel's handbook that it has never seen; its failures choose what is tried",
    );
    output::talk("       expect a climb, and an honest \"not kept\" from the locked test");
    let ended = run::execute(&RunArgs { fresh: false, no_rollout: false }, global, &place).await?;
    // Whatever the evidence says, a demo that came to its report did what was asked.
    Ok(if ended == ExitCode::from(run::NOT_SHOWN) { ExitCode::SUCCESS } else { ended })
}

/// The example below this folder or one of its parents.
fn find_example() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().map(|folder: &Path| folder.join(EXAMPLE)).find(|path| path.is_dir());
    found.unwrap_or_else(|| PathBuf::from(EXAMPLE))
}

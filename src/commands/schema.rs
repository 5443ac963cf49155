//! `empiric schema`: the JSON schema of `project.yaml`.

use std::process::ExitCode;

use crate::error::CliError;
use crate::output;

pub(super) fn execute() -> Result<ExitCode, CliError> {
    output::json(&empiric_schema::spec::json_schema());
    Ok(ExitCode::SUCCESS)
}

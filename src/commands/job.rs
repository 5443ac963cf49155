//! `empiric job run FOLDER`: one job under the file contract.

use std::path::Path;
use std::process::ExitCode;

use crate::error::CliError;

pub(super) async fn execute(folder: &Path) -> Result<ExitCode, CliError> {
    let folder = folder.to_owned();
    let span = tracing::Span::current();
    let ended =
        tokio::task::spawn_blocking(move || span.in_scope(|| empiric_jobs::runner::run(&folder))).await;
    let class = ended.map_err(|error| CliError::Worker(error.to_string()))?;
    Ok(ExitCode::from(u8::try_from(class.code()).unwrap_or(70)))
}

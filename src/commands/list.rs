//! `empiric list`: the runs of this state folder.

use std::process::ExitCode;

use crate::cli::{Global, OutputFormat};
use crate::error::CliError;
use crate::output;
use crate::place::Place;

pub(super) async fn execute(global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let rows = place.existing_database().await?.list_runs(None).await?;
    match global.output {
        OutputFormat::Json => output::json(&rows),
        OutputFormat::Text => {
            output::data(&format!("{:<36} {:<9} {:<18} {}", "RUN", "STATE", "STAGE", "STARTED"));
            for row in &rows {
                let started =
                    std::time::UNIX_EPOCH + std::time::Duration::from_secs_f64(row.started.max(0.0));
                let state = format!("{:?}", row.state).to_lowercase();
                let started = humantime::format_rfc3339_seconds(started);
                output::data(&format!(
                    "{:<36} {state:<9} {:<18} {started}",
                    row.id.to_string(),
                    row.stage.words()
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

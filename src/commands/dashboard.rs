//! `empiric dashboard`: pages alone, until Ctrl-C.

use std::process::ExitCode;

use empiric_gateway::Settings;

use crate::cli::{DashboardArgs, Global};
use crate::error::CliError;
use crate::follow::interrupted;
use crate::output;
use crate::place::Place;
use crate::serving;

pub(super) async fn execute(
    args: &DashboardArgs,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    let settings = Settings { is_serving: false, ..Settings::new(&spec.name) };
    let bound = serving::open(&global.temporal, place, settings, args.listen).await?;
    output::talk(&format!("dashboard of {} at http://{}, Ctrl-C ends it", spec.name, bound.address()));
    bound.run(interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}

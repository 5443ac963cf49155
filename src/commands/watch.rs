//! `empiric watch`: follows a run that somebody else keeps going.

use std::process::ExitCode;

use empiric_schema::view::RunState;

use super::status::find_run;
use crate::cli::{Global, OutputFormat, RunRef};
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::{Followed, follow};
use crate::place::Place;
use crate::{live, output};

pub(super) async fn execute(args: &RunRef, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let view = find_run(args, place).await?;
    if view.state == RunState::Finished {
        output::talk(&format!("{} has ended; `empiric report` tells what it found", view.run));
        return super::status::show(&view, global);
    }
    let session = Session::join(&global.temporal, place).await?;
    let mut shown = live::on_stderr();
    let followed = follow(&session.client, &view.run, &mut *shown).await?;
    if let (Followed::Ended(view), OutputFormat::Json) = (followed, global.output) {
        output::json(&view);
    }
    Ok(ExitCode::SUCCESS)
}

//! `empiric up`: keeps server and workers running until Ctrl-C.

use std::process::ExitCode;

use crate::cli::Global;
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::interrupted;
use crate::output;
use crate::place::Place;

pub(super) async fn execute(global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    place.make_state()?;
    let session = Session::work(&global.temporal, place).await?;
    if !session.is_working() {
        return Err(CliError::Argument("another process works on this state folder already".to_owned()));
    }
    output::talk("up: `empiric start` submits runs; Ctrl-C stops, and runs go on with the next `empiric up`");
    let ended = tokio::select! {
        () = interrupted() => Ok(ExitCode::SUCCESS),
        error = session.worker_ended() => Err(error),
    };
    session.close().await;
    ended
}

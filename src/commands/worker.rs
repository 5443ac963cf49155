//! `empiric worker`: offers this machine to an outside server.

use std::process::ExitCode;

use crate::cli::{Global, WorkerArgs};
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::interrupted;
use crate::output;
use crate::place::Place;

pub(super) async fn execute(args: &WorkerArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    place.make_state()?;
    let mut session = Session::join(&global.temporal, place).await?;
    session.start_worker(place, &args.queue, args.slots).await?;
    output::talk(&format!(
        "working on {} with {} slots; Ctrl-C hands jobs back and leaves",
        args.queue, args.slots
    ));
    let ended = tokio::select! {
        () = interrupted() => Ok(ExitCode::SUCCESS),
        error = session.worker_ended() => Err(error),
    };
    session.close().await;
    ended
}

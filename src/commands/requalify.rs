//! `empiric requalify`: whether a run looks for a version with another model, when one that is served goes.

use std::process::ExitCode;

use empiric_schema::contract::GivenRequalification;

use super::answer::who;
use super::rollout::show;
use crate::cli::{Global, RequalifyArgs};
use crate::compose::Session;
use crate::error::CliError;
use crate::place::Place;
use crate::rollout::{Order, order};

pub(super) async fn execute(
    args: &RequalifyArgs,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    let project = place.spec()?.name;
    let (by, note) = (who(args.word.by.as_deref())?, args.word.note.clone().unwrap_or_default());
    let given = GivenRequalification { by, note, approved: !args.decline };
    let session = Session::visit(&global.temporal, place).await?;
    let outcome = order(&session.client, &project, Order::Requalify(given)).await;
    session.close().await;
    show(&outcome?, global);
    Ok(ExitCode::SUCCESS)
}

//! `empiric demote`: takes a version back, to the last good one or one stage.

use std::process::ExitCode;

use empiric_schema::contract::GivenDemotion;

use super::answer::who;
use super::rollout::show;
use crate::cli::{DemoteArgs, Global};
use crate::compose::Session;
use crate::error::CliError;
use crate::place::Place;
use crate::rollout::{Order, order};

pub(super) async fn execute(args: &DemoteArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let project = place.spec()?.name;
    let note = args.word.note.clone().unwrap_or_default();
    let given = GivenDemotion { by: who(args.word.by.as_deref())?, note, nonce: None };
    let session = Session::visit(&global.temporal, place).await?;
    let outcome = order(&session.client, &project, Order::Demote(given)).await;
    session.close().await;
    show(&outcome?, global);
    Ok(ExitCode::SUCCESS)
}

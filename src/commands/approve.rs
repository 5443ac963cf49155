//! `empiric approve`: says yes to a question of a run.

use std::process::ExitCode;

use super::answer::{self, Verdict};
use crate::cli::{AnswerArgs, Global};
use crate::error::CliError;
use crate::place::Place;

pub(super) async fn execute(args: &AnswerArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    answer::execute(Verdict::Approve, args, global, place).await
}

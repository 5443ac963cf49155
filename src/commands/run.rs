//! `empiric run`: starts a run, or goes on with an unfinished one, and follows it to its end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use empiric_activities::adapters::database::Database;
use empiric_schema::artifact::Digest;
use empiric_schema::contract::RunOptions;
use empiric_schema::decision::{Decision, StopReason};
use empiric_schema::id::RunId;
use empiric_schema::view::RunView;

use super::{report, start};
use crate::cli::{Global, OutputFormat, RunArgs};
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::{Followed, follow, is_going_on};
use crate::place::Place;
use crate::{live, output};

/// The run ended without the promise shown.
pub(super) const NOT_SHOWN: u8 = 10;
/// The run ended because a person is needed.
const NEEDS_PERSON: u8 = 11;
/// The run was cancelled.
const CANCELLED: u8 = 12;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;
/// Longest wait for the rollout to begin.
const BEGUN: Duration = Duration::from_secs(10);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn execute(args: &RunArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    place.make_state()?;
    let session = Session::work(&global.temporal, place).await?;
    let outcome = tokio::select! {
        outcome = follow_run(args, place, &spec, &session) => outcome,
        error = session.worker_ended() => Err(error),
    };
    session.close().await;
    let (run, followed) = outcome?;
    conclude(&run, followed, global, place).await
}

async fn follow_run(
    args: &RunArgs,
    place: &Place,
    spec: &empiric_schema::spec::ProjectSpec,
    session: &Session,
) -> Result<(RunId, Followed), CliError> {
    let database = place.database().await?;
    let unfinished = if args.fresh { None } else { start::unfinished(&database, spec).await? };
    let run = match unfinished {
        Some(run) if is_going_on(&session.client, &run).await? => {
            output::talk(&format!("going on with {run}"));
            run
        }
        _ => {
            let options = RunOptions { roll_out: !args.no_rollout, ..start::options() };
            start::submit(&session.client, place, spec, &database, options).await?
        }
    };
    let mut shown = live::on_stderr();
    let followed = follow(&session.client, &run, &mut *shown).await?;
    if let Followed::Ended(view) = &followed
        && let Some(version) = rolled_out(view)
    {
        until_exposed(&database, &spec.name, version).await?;
    }
    Ok((run, followed))
}

/// The version that goes on to its rollout.
fn rolled_out(view: &RunView) -> Option<&Digest> {
    view.decisions.iter().find_map(|record| match &record.decision {
        Decision::RollOut { version, workflow: Some(_) } => Some(version),
        _ => None,
    })
}

/// Waits a moment until the rollout has begun, since its worker may be this process. One that another version keeps
/// waiting begins later.
async fn until_exposed(database: &Database, project: &str, version: &Digest) -> Result<(), CliError> {
    let deadline = Instant::now() + BEGUN;
    while Instant::now() < deadline {
        let exposure = database.exposure(project).await?;
        if exposure.is_some_and(|exposure| exposure.versions().contains(&version)) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn conclude(
    run: &RunId,
    followed: Followed,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    match followed {
        Followed::Interrupted => {
            output::talk(&format!(
                "stopped; nothing is lost. `empiric run` goes on with {run}, `empiric cancel {run}` ends it"
            ));
            Ok(ExitCode::from(INTERRUPTED))
        }
        Followed::Ended(view) => {
            let written = report::write(run.as_str(), None, place).await?;
            match global.output {
                OutputFormat::Json => output::json(&view),
                OutputFormat::Text => output::data(&closing_words(&view, &written)),
            }
            Ok(exit_code(&view))
        }
    }
}

fn closing_words(view: &RunView, written: &report::Written) -> String {
    let headline = crate::report::headline(view);
    let rollout = rollout_words(view);
    format!(
        "{}. {}\n{}\n{rollout}report: {}",
        headline.title,
        headline.gain,
        headline.ended,
        written.html.display()
    )
}

/// What became of the version after the gate: a line, or nothing.
fn rollout_words(view: &RunView) -> String {
    let told = view.decisions.iter().find(|record| matches!(record.decision, Decision::RollOut { .. }));
    told.map_or_else(String::new, |record| match rolled_out(view) {
        Some(_) => format!("rollout: {}. `empiric up` goes on with it\n", record.why),
        None => format!("rollout: {}\n", record.why),
    })
}

fn exit_code(view: &RunView) -> ExitCode {
    match view.stop {
        Some(StopReason::Success) => ExitCode::SUCCESS,
        Some(StopReason::NeedsPerson { .. }) => ExitCode::from(NEEDS_PERSON),
        Some(StopReason::Cancelled) => ExitCode::from(CANCELLED),
        Some(StopReason::Plateau | StopReason::Budget { .. }) | None => ExitCode::from(NOT_SHOWN),
    }
}

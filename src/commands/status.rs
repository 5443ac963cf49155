//! `empiric status`: where a run is. Asks the workflow where a server is up, the read model where not.

use std::process::ExitCode;

use empiric_schema::id::RunId;
use empiric_schema::view::{RunState, RunView};

use crate::cli::{Global, OutputFormat, RunRef};
use crate::compose::Session;
use crate::error::CliError;
use crate::follow::run_view;
use crate::output;
use crate::place::Place;
use crate::report::people::{headline, how_to_answer};

pub(super) async fn execute(args: &RunRef, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let recorded = find_run(args, place).await?;
    let live = live_view(&recorded.run, global, place).await;
    let is_live = live.is_some();
    let view = live.unwrap_or(recorded);
    let shown = show(&view, global)?;
    if !is_live && view.state != RunState::Finished {
        output::talk("nothing works on it now; `empiric run` goes on");
    }
    Ok(shown)
}

/// The run as its workflow shows it; `None` where no server is up or nobody works on it.
pub(super) async fn live_view(run: &RunId, global: &Global, place: &Place) -> Option<RunView> {
    let session = Session::join(&global.temporal, place).await.ok()?;
    run_view(&session.client, run).await.ok().flatten()
}

/// Prints where the run is.
pub(super) fn show(view: &RunView, global: &Global) -> Result<ExitCode, CliError> {
    match global.output {
        OutputFormat::Json => output::json(view),
        OutputFormat::Text => output::data(&words(view)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The run that is meant: by id, by the beginning of an id, or the latest.
pub(super) async fn find_run(args: &RunRef, place: &Place) -> Result<RunView, CliError> {
    let database = place.existing_database().await?;
    let id = match &args.run {
        Some(id) => id.clone(),
        None => match database.latest_run(None).await? {
            Some(run) => run.as_str().to_owned(),
            None => return Err(CliError::NoRun { state: place.state.clone() }),
        },
    };
    Ok(database.run_view(&id).await?)
}

fn words(view: &RunView) -> String {
    let mut lines = vec![
        format!("{}  {:?}", view.run, view.state).to_lowercase(),
        format!("stage      {} ({})", view.stage.words(), view.activity),
        format!("iteration  {} of at most {}", view.iteration, view.max_iterations),
    ];
    for question in view.open_questions() {
        lines.push(format!("asks       {}", headline(question)));
        lines.push(format!("answer     {}", how_to_answer(question, view)));
    }
    lines.extend(view.promise.iter().map(|promise| format!("promise    {promise}")));
    lines.extend(view.measurements.iter().map(|measured| {
        format!(
            "measured   {:<12} {:<16} {:>3}/{:<3} {:5.1} %  [{:.1}, {:.1}]",
            measured.split,
            measured.label,
            measured.passed,
            measured.n,
            measured.accuracy() * 100.0,
            measured.interval.low * 100.0,
            measured.interval.high * 100.0
        )
    }));
    lines.push(format!(
        "spent      {:.0} device-seconds, {} tokens, ${:.2}",
        view.spend.device_seconds, view.spend.tokens, view.spend.usd
    ));
    lines.extend(view.decisions.last().map(|decision| format!("last       {}", decision.why)));
    lines.join("\n")
}

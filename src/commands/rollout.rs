//! `empiric rollout`: what is served to whom, what was judged of it, and what was decided. `promote` and `demote`
//! ask for the same view.

use std::process::ExitCode;

use empiric_schema::rollout::{HarmView, Judged, RolloutDecision, RolloutView, SubjectView};

use crate::cli::{Global, OutputFormat};
use crate::compose::Session;
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::rollout::view;

/// Decisions that the text shows.
const SHOWN_DECISIONS: usize = 8;

pub(super) async fn execute(global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let project = place.spec()?.name;
    let recorded = place.existing_database().await?.rollout_view(&project).await?;
    let recorded = recorded.ok_or_else(|| {
        CliError::Argument(format!("{project} has no rollout yet: `empiric promote` begins one"))
    })?;
    let live = live_view(&project, global, place).await;
    let is_watched = live.is_some();
    show(&live.unwrap_or(recorded), global);
    if !is_watched {
        output::talk("nobody watches it now; `empiric up` does");
    }
    Ok(ExitCode::SUCCESS)
}

/// The rollout as its workflow shows it; `None` where no server is up or nobody works on it.
async fn live_view(project: &str, global: &Global, place: &Place) -> Option<RolloutView> {
    let session = Session::join(&global.temporal, place).await.ok()?;
    view(&session.client, project).await.ok()
}

/// Prints the rollout.
pub(super) fn show(view: &RolloutView, global: &Global) {
    match global.output {
        OutputFormat::Json => output::json(view),
        OutputFormat::Text => output::data(&text(view)),
    }
}

fn text(view: &RolloutView) -> String {
    let mut lines = vec![format!("{}  revision {}", view.project, view.revision)];
    lines.extend(view.subject.as_ref().map(subject));
    lines.extend(view.subject.as_ref().and_then(|subject| subject.harm.as_ref()).map(harm));
    let good = view.last_good.as_ref().map_or("none yet", |version| version.short());
    lines.push(format!("last good  {good}"));
    lines.extend(view.question.as_ref().map(|asked| {
        format!(
            "asks       may {} go on to {}? `empiric promote` says yes, `--decline` no",
            asked.version.short(),
            asked.to
        )
    }));
    if view.joined > 0 {
        lines.push(format!("came home  {} failures joined the data", view.joined));
    }
    let pairs: u32 = view.preferences.iter().map(|pairs| pairs.count).sum();
    if pairs > 0 {
        lines.push(format!(
            "pairs      {pairs} of a better and a worse answer, from edits, corrections and approvals"
        ));
    }
    lines.extend(view.drift.iter().map(|drift| format!("drift      {}", drift.words())));
    lines.extend(view.requalification.as_ref().map(|asked| {
        format!(
            "asks       {}; shall a run look for another? `empiric requalify` says yes, `--decline` no",
            asked.why
        )
    }));
    lines.extend(view.runs.iter().map(|run| format!("opened     {run}")));
    lines.extend(view.problem.iter().map(|problem| format!("problem    {problem}")));
    let from = view.decisions.len().saturating_sub(SHOWN_DECISIONS);
    lines.extend(view.decisions[from..].iter().map(decision));
    lines.join("\n")
}

fn subject(subject: &SubjectView) -> String {
    format!(
        "serving    {} at {}: {} of {} judged answers failed ({} asked for)",
        subject.version.short(),
        subject.rung,
        subject.judged.failed,
        subject.judged.total(),
        subject.needed
    )
}

fn harm(harm: &HarmView) -> String {
    let Judged { failed, .. } = harm.judged;
    let (looked_at, most) = (harm.judged.total(), harm.at_most * 100.0);
    format!(
        "harm       {failed} of {looked_at} answers that were looked at did some; at most {most:.1} % may"
    )
}

fn decision(decision: &RolloutDecision) -> String {
    let act = format!("{:?}", decision.act).to_lowercase();
    format!("{:>3}. {act:<10} {}  {}", decision.number, decision.version.short(), decision.why)
}

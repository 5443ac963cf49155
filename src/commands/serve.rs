//! `empiric serve`: answers requests with what is exposed, until Ctrl-C.

use std::process::ExitCode;

use empiric_activities::adapters::database::Database;
use empiric_gateway::Settings;
use empiric_gateway::store::Store;
use empiric_schema::exposure::Exposure;
use empiric_schema::spec::{OnTimeout, ProjectSpec, StageName};

use crate::cli::{Global, ServeArgs};
use crate::error::CliError;
use crate::follow::interrupted;
use crate::output;
use crate::place::Place;
use crate::serving::{self, Announced};

pub(super) async fn execute(args: &ServeArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    let database = place.existing_database().await?;
    expose_first(&spec.name, &database).await?;
    let bound = serving::open(&global.temporal, place, settings(args, &spec), args.listen).await?;
    if let (false, Some(problem)) = (bound.is_ready(), bound.problem()) {
        return Err(CliError::NothingToServe(problem));
    }
    let announced = Announced::new(place, bound.address())?;
    output::talk(&format!("serving {} at http://{}, Ctrl-C ends it", spec.name, bound.address()));
    bound.run(interrupted()).await?;
    drop(announced);
    Ok(ExitCode::SUCCESS)
}

/// Without a rollout, the latest run's best version is shown to the team alone.
async fn expose_first(project: &str, database: &Database) -> Result<(), CliError> {
    let store = Store::new(database.connection().clone());
    if store.exposure(project).await?.is_some() {
        return Ok(());
    }
    let none = || CliError::NothingToServe(format!("no run of {project} has measured a version"));
    let run = database.latest_run(Some(project)).await?.ok_or_else(none)?;
    let view = database.run_view(run.as_str()).await?;
    let serving = view.incumbent.ok_or_else(none)?;
    let first = Exposure {
        project: project.to_owned(),
        revision: 1,
        stage: StageName::Internal,
        traffic: 100,
        serving: serving.clone(),
        canary: None,
        shadow: None,
        last_good: Some(serving),
        why: format!("`empiric serve` found no rollout and serves the best version of {run} to the team"),
        at: view.updated,
    };
    store.expose_first(first).await?;
    Ok(())
}

fn settings(args: &ServeArgs, spec: &ProjectSpec) -> Settings {
    let stages = spec.deploy.iter().flat_map(|deploy| &deploy.stages);
    let on_timeout =
        stages.filter(|stage| stage.name == StageName::Reviewed).map(|stage| stage.on_timeout).next();
    Settings {
        queue: args.queue,
        batch: args.batch,
        concurrency: args.concurrency,
        budget: args.limits.budget(),
        is_redacting: !args.no_redaction,
        retention: args.retention,
        review_deadline: args.review_deadline,
        on_timeout: on_timeout.unwrap_or(OnTimeout::Escalate),
        ..Settings::new(&spec.name)
    }
}

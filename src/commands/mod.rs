//! The commands, one file each.

mod answer;
mod approve;
mod cancel;
mod chat;
mod dashboard;
mod demo;
mod demote;
mod doctor;
mod explain;
mod feedback;
mod fetch;
mod init;
mod job;
mod keys;
mod list;
mod pause;
mod plan;
mod promote;
mod questions;
mod reject;
mod report;
mod requalify;
mod resume;
mod rollout;
mod run;
mod schema;
mod serve;
mod start;
mod status;
mod traffic;
mod up;
mod watch;
mod worker;

pub(crate) use answer::who;
pub(crate) use start::options as run_options;

use std::process::ExitCode;

use empiric_schema::telemetry_names as names;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::cli::{Cli, Command, JobCommand};
use crate::error::CliError;
use crate::place::Place;
use crate::telemetry::{self, Telemetry};
use crate::temporal;

/// Runs the command in a span of its own, which is the root of the trace.
pub fn dispatch(cli: &Cli) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Worker(error.to_string()))?;
    runtime.block_on(async {
        let place = Place::new(&cli.global);
        let telemetry = Telemetry::start(log_folder(&cli.command, &place).as_deref())?;
        let span = match &cli.command {
            // Each of its jobs has a root of its own.
            Command::Job(JobCommand::Serve) => tracing::Span::none(),
            command => root(name(command), telemetry::parent()),
        };
        let outcome = execute(cli, &place, &telemetry).instrument(span).await;
        let _ = tokio::task::spawn_blocking(|| telemetry.shutdown()).await;
        outcome
    })
}

/// The span of a command, in the trace that it was started in.
fn root(name: &str, parent: opentelemetry::Context) -> tracing::Span {
    let span = tracing::info_span!(
        parent: None,
        names::SPAN_COMMAND,
        otel.name = format!("{} {name}", names::SPAN_COMMAND)
    );
    // Without a subscriber for it there is no trace to belong to, and that is fine.
    let _ = span.set_parent(parent);
    span
}

async fn execute(cli: &Cli, place: &Place, telemetry: &Telemetry) -> Result<ExitCode, CliError> {
    let global = &cli.global;
    match &cli.command {
        Command::Init(args) => init::execute(args, global),
        Command::Plan => plan::execute(global, place).await,
        Command::Run(args) => run::execute(args, global, place).await,
        Command::Start => start::execute(global, place).await,
        Command::List => list::execute(global, place).await,
        Command::Status(args) => status::execute(args, global, place).await,
        Command::Watch(args) => watch::execute(args, global, place).await,
        Command::Report(args) => report::execute(args, global, place).await,
        Command::Explain(args) => explain::execute(args, global, place).await,
        Command::Questions(args) => questions::execute(args, global, place).await,
        Command::Serve(args) => serve::execute(args, global, place).await,
        Command::Dashboard(args) => dashboard::execute(args, global, place).await,
        Command::Chat(args) => chat::execute(args, global, place).await,
        Command::Traffic(args) => traffic::execute(args, global, place).await,
        Command::Keys(command) => keys::execute(command, global, place).await,
        Command::Approve(args) => approve::execute(args, global, place).await,
        Command::Reject(args) => reject::execute(args, global, place).await,
        Command::Feedback(args) => feedback::execute(args, global, place).await,
        Command::Promote(args) => promote::execute(args, global, place).await,
        Command::Demote(args) => demote::execute(args, global, place).await,
        Command::Requalify(args) => requalify::execute(args, global, place).await,
        Command::Rollout => rollout::execute(global, place).await,
        Command::Pause(args) => pause::execute(args, global, place).await,
        Command::Resume(args) => resume::execute(args, global, place).await,
        Command::Cancel(args) => cancel::execute(args, global, place).await,
        Command::Doctor => doctor::execute(global, place).await,
        Command::Schema => schema::execute(),
        Command::Fetch(args) => fetch::execute(args, global, place).await,
        Command::Worker(args) => worker::execute(args, global, place).await,
        Command::Up => up::execute(global, place).await,
        Command::Job(JobCommand::Run { folder }) => job::execute(folder).await,
        Command::Job(JobCommand::Serve) => job::serve(telemetry).await,
        Command::Demo(args) => demo::execute(args, global).await,
        Command::Guard(args) => temporal::guard(args).await,
    }
}

/// Commands that only read leave no log behind, and a guard's and a job's words are kept elsewhere.
fn log_folder(command: &Command, place: &Place) -> Option<std::path::PathBuf> {
    match command {
        Command::Run(_) | Command::Up | Command::Worker(_) | Command::Serve(_) => Some(place.state.clone()),
        _ => None,
    }
}

fn name(command: &Command) -> &'static str {
    match command {
        Command::Init(_) => "init",
        Command::Plan => "plan",
        Command::Run(_) => "run",
        Command::Start => "start",
        Command::List => "list",
        Command::Status(_) => "status",
        Command::Watch(_) => "watch",
        Command::Explain(_) => "explain",
        Command::Report(_) => "report",
        Command::Questions(_) => "questions",
        Command::Serve(_) => "serve",
        Command::Dashboard(_) => "dashboard",
        Command::Chat(_) => "chat",
        Command::Traffic(_) => "traffic",
        Command::Keys(_) => "keys",
        Command::Approve(_) => "approve",
        Command::Reject(_) => "reject",
        Command::Feedback(_) => "feedback",
        Command::Promote(_) => "promote",
        Command::Demote(_) => "demote",
        Command::Requalify(_) => "requalify",
        Command::Rollout => "rollout",
        Command::Pause(_) => "pause",
        Command::Resume(_) => "resume",
        Command::Cancel(_) => "cancel",
        Command::Doctor => "doctor",
        Command::Schema => "schema",
        Command::Fetch(_) => "fetch",
        Command::Worker(_) => "worker",
        Command::Up => "up",
        Command::Job(_) => "job",
        Command::Demo(_) => "demo",
        Command::Guard(_) => "guard",
    }
}

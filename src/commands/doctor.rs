//! `empiric doctor`: checks everything that a run needs, and says what to do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use empiric_activities::adapters::source::SourceResolver;
use empiric_activities::scope::ScopeActivities;
use empiric_jobs::model::{DeviceChoice, load};
use empiric_schema::contract::FreezeRequest;
use empiric_schema::id::RunId;
use empiric_schema::job::Progress;
use empiric_schema::spec::{ProjectSpec, ResourceSpec};
use serde::Serialize;

use crate::cli::{Global, OutputFormat};
use crate::compose::device_of_jobs;
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::temporal::{FetchBar, ManagedServer, Role, connect_outside, find_program, running_server};

/// Free bytes under which a run may fail: models, artifacts and logs.
const LEAST_FREE: u64 = 2 << 30;

/// What a check found.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    found: String,
    help: Option<String>,
    /// Where the checked thing is, for scripts.
    path: Option<PathBuf>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, ok: true, found: found.into(), help: None, path: None }
    }

    fn at(self, path: PathBuf) -> Self {
        Self { path: Some(path), ..self }
    }

    fn bad(name: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { name, ok: false, found: found.into(), help: Some(help.into()), path: None }
    }
}

pub(super) async fn execute(global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let spec = place.spec();
    if let Err(error @ CliError::NoProject { .. }) = spec {
        return Err(error);
    }
    let mut checks = vec![project(&spec)];
    if let Ok(spec) = &spec {
        checks.extend(sources(spec, place).await);
        checks.push(scope(spec, place).await);
    }
    checks.push(server(global, place).await);
    checks.push(database(place).await);
    checks.push(disk(place));
    checks.push(devices(spec.map(|spec| spec.resources).unwrap_or_default()));
    match global.output {
        OutputFormat::Json => output::json(&checks),
        OutputFormat::Text => checks.iter().for_each(show),
    }
    match checks.iter().filter(|check| !check.ok).count() {
        0 => Ok(ExitCode::SUCCESS),
        failed => Err(CliError::Unhealthy(failed)),
    }
}

fn show(check: &Check) {
    output::data(&format!("{:<4} {:<10} {}", if check.ok { "ok" } else { "BAD" }, check.name, check.found));
    if let Some(help) = &check.help {
        output::data(&format!("                -> {help}"));
    }
}

fn project(spec: &Result<ProjectSpec, CliError>) -> Check {
    match spec {
        Ok(spec) => Check::good(
            "project",
            format!("{}: {} criteria, {} models", spec.name, spec.scope.success.len(), spec.models.len()),
        ),
        Err(error) => {
            Check::bad("project", error.to_string(), error.help().unwrap_or("mend the project file"))
        }
    }
}

/// Models and data: fetched where missing, verified where cached.
async fn sources(spec: &ProjectSpec, place: &Place) -> Vec<Check> {
    let resolver = SourceResolver::new(&place.project, &place.cache)
        .with_network(place.network)
        .with_progress(Arc::new(FetchBar::new()));
    let models = spec.models.iter().filter_map(|model| Some(("model", model.source()?)));
    let embedder = spec.embedder.iter().map(|embedder| ("embedder", &embedder.source));
    let data = spec.data.train.iter().chain([&spec.data.dev, &spec.data.test]).chain(&spec.data.documents);
    let mut checks = Vec::new();
    for (name, source) in models.chain(embedder).chain(data.map(|source| ("data", source))) {
        checks.push(match resolver.resolve(source).await {
            Ok(found) if name == "model" => model(found.path).await,
            Ok(found) => {
                Check::good(name, format!("{source}: {} bytes, {}", found.size, found.digest.short()))
                    .at(found.path)
            }
            Err(error) => {
                Check::bad(name, chain(&error), "check the source in project.yaml, or run once online")
            }
        });
    }
    checks
}

/// Loads the weights as a job does.
async fn model(path: PathBuf) -> Check {
    let weights = path.clone();
    match tokio::task::spawn_blocking(move || load(&weights)).await {
        Ok(Ok(model)) => {
            let config = model.llama.config();
            let found = format!(
                "{}: {} layers of width {}, {} tokens, context {}",
                path.display(),
                config.layers,
                config.hidden,
                config.vocabulary,
                config.context
            );
            Check::good("model", found).at(path)
        }
        Ok(Err(error)) => {
            Check::bad("model", format!("{}: {}", path.display(), chain(&error)), "name other weights")
        }
        Err(error) => Check::bad("model", error.to_string(), "name other weights"),
    }
}

/// Freezes data, prompt and weights, as the first stage of a run does.
async fn scope(spec: &ProjectSpec, place: &Place) -> Check {
    let store = match place.store() {
        Ok(store) => store,
        Err(error) => return Check::bad("scope", chain(&error), "name another folder with --state"),
    };
    let activities = ScopeActivities { store, cache_dir: place.cache.clone(), network: place.network };
    let (progress, _seen) = tokio::sync::watch::channel(Progress::default());
    let request = FreezeRequest {
        run: RunId::new("doctor"),
        project_dir: place.project.clone(),
        spec: spec.clone(),
        joined: Vec::new(),
        start: None,
    };
    match activities.freeze_reporting(&request, progress).await {
        Ok(frozen) => Check::good(
            "scope",
            format!(
                "{} dev and {} test items, prompt and weights are fit for a run",
                frozen.dev.count, frozen.test.count
            ),
        ),
        Err(error) => Check::bad("scope", chain(&error), "mend this; a run would stop there"),
    }
}

async fn server(global: &Global, place: &Place) -> Check {
    let name = "temporal";
    if let Some(address) = &global.temporal.temporal_address {
        return match connect_outside(&global.temporal, address).await {
            Ok(_) => Check::good(name, format!("{address} answers")),
            Err(error) => {
                Check::bad(name, error.to_string(), error.help().unwrap_or("check --temporal-address"))
            }
        };
    }
    match managed(global, place).await {
        Ok((found, program)) => Check::good(name, found).at(program),
        Err(error) => {
            Check::bad(name, chain(&error), "name a program with --temporal-bin, or put `temporal` on PATH")
        }
    }
}

/// Starts the server and ends it again, unless one is running.
async fn managed(global: &Global, place: &Place) -> Result<(String, PathBuf), CliError> {
    let program = find_program(&global.temporal, place).await?;
    match ManagedServer::start(&place.server(), &program, Role::Visit).await? {
        Some(server) => {
            let address = server.address.clone();
            server.stop().await;
            Ok((format!("{} starts and answers at {address}", program.display()), program))
        }
        None => {
            let address = running_server(&place.server()).map_or_else(String::new, |record| record.address);
            Ok((format!("a server of this project is running at {address}"), program))
        }
    }
}

async fn database(place: &Place) -> Check {
    match place.database().await {
        Ok(database) => Check::good("database", database.path().display().to_string()),
        Err(error) => Check::bad(
            "database",
            chain(&error),
            "move the file away: what people see is lost, the runs are not",
        ),
    }
}

fn disk(place: &Place) -> Check {
    match nix::sys::statvfs::statvfs(&place.state) {
        Err(error) => Check::bad(
            "disk",
            format!("{}: {error}", place.state.display()),
            "make the folder, or name another with --state",
        ),
        Ok(stat) => {
            let free = stat.blocks_available() * stat.fragment_size();
            let found = format!("{:.1} GB free for {}", free as f64 / 1e9, place.state.display());
            if free < LEAST_FREE {
                Check::bad("disk", found, "free 2 GB, or name another folder with --state")
            } else {
                Check::good("disk", found)
            }
        }
    }
}

/// Where jobs will compute. A device is opened as a job opens it.
fn devices(resources: ResourceSpec) -> Check {
    let name = "devices";
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let choice =
        device_of_jobs(&resources).map_or(Ok(DeviceChoice::Cpu), |text| text.parse::<DeviceChoice>());
    let opened = choice.and_then(|choice| choice.open().map(|_| choice));
    match opened {
        Ok(DeviceChoice::Cpu) => Check::good(name, format!("CPU with {threads} threads")),
        Ok(choice) => Check::good(
            name,
            format!("{choice} for models that answer; CPU with {threads} threads for the rest"),
        ),
        Err(error) => Check::bad(
            name,
            error.to_string(),
            "unset `EMPIRIC_DEVICE` and leave out `resources.accelerators` to compute on the CPU",
        ),
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

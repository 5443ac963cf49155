//! `empiric report`: the report of a run, from the read model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use empiric_activities::adapters::database::Database;
use empiric_schema::artifact::Digest;
use empiric_schema::data::{Item, read_items};
use empiric_schema::id::ItemId;
use empiric_schema::job::ItemResult;
use empiric_schema::view::RunView;

use super::status::find_run;
use crate::cli::{Global, OutputFormat, ReportArgs, RunRef};
use crate::error::CliError;
use crate::output;
use crate::place::{self, Place};
use crate::report::{self, ItemExample, Reading, ReportData};

/// The files of a report.
#[derive(Debug, serde::Serialize)]
pub(super) struct Written {
    pub(super) html: PathBuf,
    pub(super) markdown: PathBuf,
    pub(super) json: PathBuf,
}

pub(super) async fn execute(args: &ReportArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let view = find_run(&RunRef { run: args.run.clone() }, place).await?;
    let written = write(view.run.as_str(), args.out.as_deref(), place).await?;
    match global.output {
        OutputFormat::Json => output::json(&data(view, place).await?),
        OutputFormat::Text => {
            for path in [&written.html, &written.markdown, &written.json] {
                output::data(&path.display().to_string());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes all three forms; each file appears whole or not at all.
pub(super) async fn write(run: &str, out: Option<&Path>, place: &Place) -> Result<Written, CliError> {
    let view = place.existing_database().await?.run_view(run).await?;
    let folder = out.map_or_else(|| place.state.join("reports").join(view.run.as_str()), Path::to_owned);
    let data = data(view, place).await?;
    place::make(&folder)?;
    Ok(Written {
        html: put(&folder, "report.html", &report::html(&data)?)?,
        markdown: put(&folder, "report.md", &report::markdown(&data)?)?,
        json: put(&folder, "report.json", &report::json(&data)?)?,
    })
}

fn put(folder: &Path, name: &str, text: &str) -> Result<PathBuf, CliError> {
    let path = folder.join(name);
    let failed = |source| CliError::File { action: "write", path: path.clone(), source };
    empiric_activities::adapters::durable::write_atomically(&path, text.as_bytes()).map_err(failed)?;
    Ok(path)
}

async fn data(view: RunView, place: &Place) -> Result<ReportData, CliError> {
    let database = place.existing_database().await?;
    let mut versions = database.versions(&view.run).await?;
    versions.sort_by_key(|(_, version)| first_measured(&view, &version.digest()));
    let items = dev_items(&view, place).await?;
    let readings = readings(&view, &items, &database).await?;
    let items = examples(&view, items, &database).await?;
    Ok(ReportData { view, versions, items, readings, environment: environment() })
}

async fn dev_items(view: &RunView, place: &Place) -> Result<Vec<Item>, CliError> {
    let Some(artifact) = &view.dev_items else { return Ok(Vec::new()) };
    let bytes = place.store()?.get_bytes(artifact).await?;
    read_items("dev", &bytes).map_err(CliError::Data)
}

/// The first version on all of dev, and each finalist on the items that did not choose it.
async fn readings(view: &RunView, items: &[Item], database: &Database) -> Result<Vec<Reading>, CliError> {
    let mut readings = Vec::new();
    for point in &view.measurements {
        let is_first = point.split == "dev" && point.iteration == 0;
        let is_finalist = point.split == "dev-confirm" && point.label != "incumbent";
        if is_first || is_finalist {
            let results = of_version(view, database, &point.version, &point.split).await?;
            readings.push(Reading::of(&point.label, &point.split, items, &results));
        }
    }
    readings.retain(|reading| reading.found.1 + reading.missed.1 > 0);
    Ok(readings)
}

/// Place of a version's first measurement: the versions' order of appearance.
fn first_measured(view: &RunView, version: &Digest) -> usize {
    let place = view.measurements.iter().position(|point| point.version == *version);
    place.unwrap_or(view.measurements.len())
}

/// Dev items with the first version's answers and those of the version that was compared last.
async fn examples(
    view: &RunView,
    items: Vec<Item>,
    database: &Database,
) -> Result<Vec<ItemExample>, CliError> {
    let before = answers(view, database, "dev", true).await?;
    let after = answers(view, database, "dev-confirm", false).await?;
    Ok(items.into_iter().map(|item| example(item, &before, &after)).collect())
}

fn example(item: Item, before: &Answers, after: &Answers) -> ItemExample {
    ItemExample {
        before: before.get(&item.id).cloned(),
        after: after.get(&item.id).cloned(),
        id: item.id,
        input: item.input,
        expected: item.expected,
    }
}

type Answers = BTreeMap<ItemId, ItemResult>;

/// The answers of the first or the last version that was measured on a split, without the incumbent's
/// side of a comparison.
async fn answers(view: &RunView, database: &Database, split: &str, first: bool) -> Result<Answers, CliError> {
    let mut measured =
        view.measurements.iter().filter(|point| point.split == split && point.label != "incumbent");
    let point = if first { measured.next() } else { measured.next_back() };
    let Some(version) = point.map(|point| point.version.clone()) else { return Ok(Answers::new()) };
    of_version(view, database, &version, split).await
}

async fn of_version(
    view: &RunView,
    database: &Database,
    version: &Digest,
    split: &str,
) -> Result<Answers, CliError> {
    let results = database.item_results(&view.run, version, split).await?;
    Ok(results.into_iter().map(|result| (result.id.clone(), result)).collect())
}

fn environment() -> Vec<String> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    vec![
        format!("Empiric {}", env!("CARGO_PKG_VERSION")),
        format!("{} {}, {threads} threads", std::env::consts::OS, std::env::consts::ARCH),
    ]
}

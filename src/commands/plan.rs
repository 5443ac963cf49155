//! `empiric plan`: what a run would do and what its data can show. Spends nothing.

use std::process::ExitCode;

use empiric_activities::adapters::source::SourceResolver;
use empiric_schema::data::read_items;
use empiric_schema::source::SourceRef;
use empiric_schema::spec::ProjectSpec;
use empiric_workflows::plan::{Plan, Sizes, plan};

use crate::cli::{Global, OutputFormat};
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::report::words::plural;

pub(super) async fn execute(global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    let sizes = sizes(&spec, place).await?;
    let plan = plan(&spec, sizes);
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({"spec": spec, "plan": plan})),
        OutputFormat::Text => output::data(&words(&spec, &plan)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn sizes(spec: &ProjectSpec, place: &Place) -> Result<Sizes, CliError> {
    let train = match &spec.data.train {
        Some(source) => count(source, place).await?,
        None => 0,
    };
    Ok(Sizes { train, dev: count(&spec.data.dev, place).await?, test: count(&spec.data.test, place).await? })
}

async fn count(source: &SourceRef, place: &Place) -> Result<u32, CliError> {
    let resolver = SourceResolver::new(&place.project, &place.cache).with_network(place.network);
    let path = resolver.resolve(source).await?.path;
    let bytes =
        std::fs::read(&path).map_err(|error| CliError::File { action: "read", path, source: error })?;
    let items = read_items(&source.to_string(), &bytes);
    Ok(items.map_err(CliError::Data)?.len() as u32)
}

fn words(spec: &ProjectSpec, plan: &Plan) -> String {
    let mut lines = vec![
        format!("project    {} ({})", spec.name, spec.scope.task.name()),
        format!("data       {} train, {} dev, {} test", plan.sizes.train, plan.sizes.dev, plan.sizes.test),
        format!("dev        {} items to race on, {} to confirm on", plan.race_items, plan.confirm_items),
        match plan.detectable_gain {
            Some(gain) => format!(
                "detects    a gain of {:.0} points is found 8 times in 10 (if 5 % of the items get worse)",
                gain * 100.0
            ),
            None => "detects    no gain at all: the confirming items are too few".to_owned(),
        },
    ];
    lines.extend(plan.promise.iter().map(|promised| match promised.needed {
        Some(rate) => {
            format!("promise    {}: shown 8 times in 10 by a true rate of {:.2}", promised.criterion, rate)
        }
        None => format!(
            "promise    {}: can not be shown with {} test items; ask for less or bring more",
            promised.criterion, plan.sizes.test
        ),
    }));
    lines.extend(plan.techniques.iter().map(|planned| match &planned.unavailable {
        None => format!(
            "technique  {}: {}, at most {}",
            planned.technique,
            plural(u64::from(spec.improve.candidates), "candidate"),
            plural(u64::from(spec.improve.max_iterations), "iteration")
        ),
        Some(why) => format!("technique  {}: not used, {why}", planned.technique),
    }));
    let answers = plan.answers;
    lines.push(format!(
        "answers    {} to measure, {} an iteration, {} a look at the test; at most {} in all",
        answers.measure, answers.iteration, answers.look, answers.most
    ));
    let limits = &spec.budget.limits;
    lines.push(format!("budget     {}", budget_words(limits)));
    lines.join("\n")
}

fn budget_words(limits: &empiric_schema::budget::Limits) -> String {
    let duration =
        |seconds: f64| humantime::format_duration(std::time::Duration::from_secs_f64(seconds)).to_string();
    let parts = [
        limits.wall_clock_seconds.map(|seconds| format!("{} of wall clock", duration(seconds))),
        limits.device_seconds.map(|seconds| format!("{} of device time", duration(seconds))),
        limits.tokens.map(|tokens| format!("{tokens} tokens")),
        limits.usd.map(|usd| format!("${usd:.2}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no limits".to_owned() } else { parts.join(", ") }
}

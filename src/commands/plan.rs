//! `empiric plan`: what a run would do and what its data can show. Spends nothing.

use std::process::ExitCode;

use empiric_activities::adapters::source::SourceResolver;
use empiric_schema::data::read_items;
use empiric_schema::source::SourceRef;
use empiric_schema::spec::{ModelOrigin, ProjectSpec};
use empiric_workflows::plan::{Plan, Sizes, plan};
use serde::Serialize;

use crate::cli::{Global, OutputFormat};
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::report::words::plural;

pub(super) async fn execute(global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    let sizes = sizes(&spec, place).await?;
    let plan = plan(&spec, sizes);
    let price = price(&spec, &plan, place).await?;
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({"spec": spec, "plan": plan, "price": price})),
        OutputFormat::Text => {
            output::data(&format!("{}\n{}", words(&spec, &plan), price_words(price.as_ref())))
        }
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

/// The most that all answers of the plan may cost, by what this machine's jobs have used so far.
#[derive(Debug, Serialize)]
struct Price {
    tokens_per_answer: f64,
    tokens_per_second: f64,
    /// Device time of the most answers, in seconds.
    device_seconds: f64,
    usd: f64,
    /// Jobs that the rate is measured on.
    jobs: u32,
}

/// `None` before any run has measured this machine.
async fn price(spec: &ProjectSpec, plan: &Plan, place: &Place) -> Result<Option<Price>, CliError> {
    let Ok(database) = place.existing_database().await else { return Ok(None) };
    let rate = database.rates().await?.remove("evaluate").unwrap_or_default();
    let (Some(speed), Some(tokens)) = (rate.tokens_per_second(), database.tokens_per_answer().await?) else {
        return Ok(None);
    };
    let most = plan.answers.most as f64 * tokens;
    let dollars = dearest(spec).map_or(0.0, |per_million| most * per_million / 1e6);
    Ok(Some(Price {
        tokens_per_answer: tokens,
        tokens_per_second: speed,
        device_seconds: most / speed,
        usd: dollars,
        jobs: rate.jobs,
    }))
}

/// Dollars per million tokens of the dearest endpoint that the run may ask.
fn dearest(spec: &ProjectSpec) -> Option<f64> {
    let endpoints = spec.models.iter().filter_map(|model| match &model.origin {
        ModelOrigin::Endpoint(endpoint) => endpoint.price,
        ModelOrigin::Source(_) => None,
    });
    endpoints.map(|price| price.input.max(price.output)).max_by(f64::total_cmp)
}

fn price_words(price: Option<&Price>) -> String {
    let Some(price) = price else {
        return "price      not known yet: the first run measures this machine's speed".to_owned();
    };
    let time = crate::report::words::duration(price.device_seconds);
    let dollars = if price.usd > 0.0 {
        format!(" and {}", crate::report::words::dollars(price.usd))
    } else {
        String::new()
    };
    format!(
        "price      all answers take at most {time} of device time{dollars}: {:.0} tokens an answer, {:.0} tokens/s \
         (measured here over {}); building indexes and training come on top",
        price.tokens_per_answer,
        price.tokens_per_second,
        plural(u64::from(price.jobs), "job")
    )
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

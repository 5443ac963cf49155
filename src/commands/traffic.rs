//! `empiric traffic`: questions of a file, sent as callers would, with a report of what came back.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use empiric_jobs::grade::Grader;
use empiric_schema::data::{Item, read_items};
use futures::StreamExt as _;
use serde::Serialize;

use crate::cli::{Global, OutputFormat, TrafficArgs};
use crate::error::CliError;
use crate::gateway_client::{GatewayClient, Reply};
use crate::output;
use crate::place::Place;

/// Tries of a thumb: the request may not be in the log yet.
const TRIES: u32 = 20;

/// What came back.
#[derive(Debug, Default, Serialize)]
struct Report {
    sent: usize,
    answered: usize,
    drafted: usize,
    /// Told to come back later.
    limited: usize,
    failed: usize,
    /// Of the answered, those that pass the project's assertions.
    passed: usize,
    harmful: usize,
    /// Answered and passed by version.
    versions: BTreeMap<String, (usize, usize)>,
    /// Milliseconds until an answer was there.
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    requests_per_second: f64,
}

/// One question's outcome.
struct Outcome {
    reply: Reply,
    grade: Option<(bool, bool)>,
}

pub(super) async fn execute(
    args: &TrafficArgs,
    global: &Global,
    place: &Place,
) -> Result<ExitCode, CliError> {
    let spec = place.spec()?;
    let failed = |source| CliError::File { action: "read", path: args.file.clone(), source };
    let bytes = std::fs::read(&args.file).map_err(failed)?;
    let items = read_items(&args.file.display().to_string(), &bytes).map_err(CliError::Data)?;
    let grader = Grader::new(spec.evaluate.assertions.clone(), spec.scope.task.labels().to_vec());
    let grader = grader.map_err(|error| CliError::Argument(error.to_string()))?;
    let client = GatewayClient::new(&args.gateway, place)?;
    let begun = std::time::Instant::now();
    let outcomes = send(args, &client, &grader, &items).await?;
    let report = report(&outcomes, begun.elapsed());
    match global.output {
        OutputFormat::Json => output::json(&report),
        OutputFormat::Text => output::data(&words(&report)),
    }
    // A report of failures alone is no success to a script, and somebody has to learn why.
    match outcomes.iter().map(|outcome| &outcome.reply).find(|reply| has_failed(reply)) {
        Some(reply) if report.answered + report.drafted == 0 => Err(client.refused(reply.problem())),
        Some(reply) => {
            output::talk(&format!("the first failure: {}", reply.problem()));
            Ok(ExitCode::SUCCESS)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Neither answered, nor waiting for a person, nor told to come back.
fn has_failed(reply: &Reply) -> bool {
    !matches!(reply.status, 200 | 202 | 429)
}

async fn send(
    args: &TrafficArgs,
    client: &GatewayClient,
    grader: &Grader,
    items: &[Item],
) -> Result<Vec<Outcome>, CliError> {
    let bar = indicatif::ProgressBar::new((items.len() * args.repeat) as u64);
    let questions = (0..args.repeat).flat_map(|_| items).enumerate();
    let paced = futures::stream::iter(questions).then(|(number, item)| async move {
        if let Some(rate) = args.rate.filter(|_| number > 0) {
            tokio::time::sleep(Duration::from_secs_f64(1.0 / rate)).await;
        }
        (number, item)
    });
    let asked = paced.map(|(number, item)| {
        let user = format!("traffic {}", number % args.clients);
        let bar = &bar;
        async move {
            let outcome = ask(args, client, grader, item, &user).await;
            bar.inc(1);
            outcome
        }
    });
    let outcomes: Vec<_> = asked.buffer_unordered(args.concurrency).collect().await;
    bar.finish_and_clear();
    outcomes.into_iter().collect()
}

async fn ask(
    args: &TrafficArgs,
    client: &GatewayClient,
    grader: &Grader,
    item: &Item,
    user: &str,
) -> Result<Outcome, CliError> {
    let reply = client.ask(&item.input, user).await?;
    // An item whose expected answer fits no assertion is counted as not graded.
    let grade = reply.text().and_then(|text| grader.grade(item, text).ok());
    let grade = grade.map(|grade| (grade.passed, grade.harmful));
    if let (true, Some((passed, _)), Some(request)) = (args.feedback, grade, reply.body["id"].as_str()) {
        let correction = (args.corrections && !passed).then(|| item.expected.shown());
        send_thumb(client, request, if passed { "up" } else { "down" }, correction).await?;
    }
    Ok(Outcome { reply, grade })
}

async fn send_thumb(
    client: &GatewayClient,
    request: &str,
    thumb: &str,
    correction: Option<&str>,
) -> Result<(), CliError> {
    for _ in 0..TRIES {
        match client.feedback(request, thumb, correction).await? {
            reply if reply.status == 404 => tokio::time::sleep(Duration::from_millis(100)).await,
            reply if reply.status < 300 => return Ok(()),
            reply => return Err(client.refused(reply.problem())),
        }
    }
    Err(client.refused(format!("the request {request} is not in its log")))
}

fn report(outcomes: &[Outcome], elapsed: Duration) -> Report {
    let mut report = Report { sent: outcomes.len(), ..Report::default() };
    for Outcome { reply, grade } in outcomes {
        match reply.status {
            200 => report.answered += 1,
            202 => report.drafted += 1,
            429 => report.limited += 1,
            _ => report.failed += 1,
        }
        let (passed, harmful) = grade.unwrap_or_default();
        report.passed += usize::from(passed);
        report.harmful += usize::from(harmful);
        if let Some(version) = reply.body["empiric"]["version"].as_str() {
            let counts = report.versions.entry(version.to_owned()).or_default();
            counts.0 += 1;
            counts.1 += usize::from(passed);
        }
    }
    let answered = outcomes.iter().filter(|outcome| outcome.reply.status < 300);
    let mut times: Vec<f64> = answered.map(|outcome| outcome.reply.seconds * 1e3).collect();
    times.sort_by(f64::total_cmp);
    [report.p50_ms, report.p95_ms, report.p99_ms] = [0.5, 0.95, 0.99].map(|share| quantile(&times, share));
    report.requests_per_second = outcomes.len() as f64 / elapsed.as_secs_f64().max(1e-9);
    report
}

/// A quantile of sorted values: the smallest one that at least this share does not exceed.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
}

fn words(report: &Report) -> String {
    let mut lines = vec![
        format!("sent       {} at {:.1} a second", report.sent, report.requests_per_second),
        format!(
            "answered   {}, of them {} pass and {} do harm",
            report.answered, report.passed, report.harmful
        ),
        format!("drafted    {}", report.drafted),
        format!("told later {}", report.limited),
        format!("failed     {}", report.failed),
        format!(
            "time       p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms",
            report.p50_ms, report.p95_ms, report.p99_ms
        ),
    ];
    for (version, (answered, passed)) in &report.versions {
        let short = version.trim_start_matches("sha256:").get(..12).unwrap_or(version);
        lines.push(format!("version    {short}  {passed} of {answered} pass"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outcome(status: u16, passed: bool, seconds: f64) -> Outcome {
        let body = json!({"empiric": {"version": "sha256:aabbccddeeff0011"}});
        let body = if status == 200 { body } else { json!({}) };
        Outcome { reply: Reply { status, body, seconds }, grade: (status == 200).then_some((passed, false)) }
    }

    #[test]
    fn outcomes_are_counted_by_what_callers_see() {
        let outcomes = [(200, true), (200, false), (202, false), (429, false), (502, false)];
        let outcomes: Vec<Outcome> = outcomes.map(|(status, passed)| outcome(status, passed, 0.1)).into();
        let report = report(&outcomes, Duration::from_secs(1));
        assert_eq!((report.answered, report.drafted, report.limited, report.failed), (2, 1, 1, 1));
        assert!(words(&report).contains("aabbccddeeff  1 of 2 pass"), "{}", words(&report));
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let times: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([0.5, 0.95, 0.99, 1.0].map(|share| quantile(&times, share)), [50.0, 95.0, 99.0, 100.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}

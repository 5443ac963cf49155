//! The page's values: figures turned into text once, for HTML and Markdown alike.

use empiric_schema::decision::Decision;
use empiric_schema::view::{Measurement, RunState, RunView};
use serde::Serialize;

use super::ReportError;
use super::beside::{BesideRow, beside};
use super::budget::gauges;
use super::compare::{DuelRow, RaceSection, duels, paired, races};
use super::data::ReportData;
use super::examples::{self, ExampleGroup};
use super::failures::{FailureSection, failures};
use super::headline::{Headline, headline};
use super::people::{self, QuestionRow};
use super::plot;
use super::promise::{self, PromiseRow};
use super::reading::{self, ReadingRow};
use super::version::{VersionSection, version_section};
use super::words;
use super::worth::{self, WorthRow};

/// Everything that a template may name.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    run: String,
    project: String,
    description: String,
    headline: Headline,
    facts: Vec<Fact>,
    promise: Vec<PromiseRow>,
    gate: Option<String>,
    measurements: Vec<MeasurementRow>,
    beside: Vec<BesideRow>,
    readings: Vec<ReadingRow>,
    curve: Option<String>,
    failures: Option<FailureSection>,
    races: Vec<RaceSection>,
    duels: Vec<DuelRow>,
    paired: Option<String>,
    worth: Vec<WorthRow>,
    first_verdict: Option<String>,
    spend: Option<String>,
    gauges: Vec<(&'static str, String)>,
    time: Option<String>,
    time_plot: Option<String>,
    questions: Vec<QuestionRow>,
    remarks: Vec<String>,
    decisions: Vec<DecisionRow>,
    next: Vec<String>,
    examples: Vec<ExampleGroup>,
    items: usize,
    version: Option<VersionSection>,
    environment: Vec<String>,
}

/// A figure that a reader looks for first.
#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
    /// Its interval; empty where it has none.
    detail: String,
}

#[derive(Debug, Serialize)]
struct MeasurementRow {
    iteration: String,
    label: String,
    split: String,
    passed: String,
    accuracy: String,
    interval: String,
    harmful: u32,
}

#[derive(Debug, Serialize)]
struct DecisionRow {
    sequence: u32,
    iteration: String,
    sentence: String,
    why: String,
    spend: String,
}

impl Page {
    /// Turns the data into text and plots.
    pub(super) fn new(data: &ReportData) -> Result<Self, ReportError> {
        let view = &data.view;
        let duels = duels(data);
        let gauges = gauges(view, view.updated);
        let orchestration = orchestration(view);
        Ok(Self {
            run: view.run.to_string(),
            project: view.project.clone(),
            description: view.description.clone(),
            headline: headline(view),
            facts: facts(view),
            promise: promise::rows(view),
            gate: gate_note(view),
            measurements: view.measurements.iter().map(measurement).collect(),
            beside: beside(view),
            readings: reading::rows(&data.readings),
            curve: curve(view)?,
            failures: failures(view)?,
            races: races(view)?,
            paired: paired(&duels)?,
            worth: worth::rows(view),
            first_verdict: worth::first_verdict(view),
            duels: duels.into_iter().map(|(_, row)| row).collect(),
            spend: (!gauges.is_empty()).then(|| plot::spend(&gauges)).transpose()?,
            gauges: gauges.into_iter().map(|gauge| (gauge.name, gauge.figures)).collect(),
            time: orchestration.map(|share| time_note(view, share)),
            time_plot: orchestration
                .map(|share| plot::time_split(view.updated - view.started, share))
                .transpose()?,
            questions: people::questions(view),
            remarks: people::remarks(view),
            decisions: decisions(view),
            next: next(view),
            examples: examples::groups(&data.items),
            items: data.items.len(),
            version: data.incumbent().map(|(label, version)| version_section(label, version)).transpose()?,
            environment: data.environment.clone(),
        })
    }
}

/// The share of a run's time in which no job ran, in [0, 1]; `None` before any time has passed.
pub(super) fn orchestration(view: &RunView) -> Option<f64> {
    let total = view.updated - view.started;
    (total > 0.0).then(|| (1.0 - view.busy_seconds / total).clamp(0.0, 1.0))
}

fn time_note(view: &RunView, share: f64) -> String {
    format!(
        "{} in all: jobs ran in {}, and orchestration took the other {}.",
        words::duration(view.updated - view.started),
        words::duration(view.busy_seconds),
        words::percent(share)
    )
}

fn facts(view: &RunView) -> Vec<Fact> {
    let dev = || view.measurements.iter().filter(|m| m.split == "dev");
    let first = dev().next().map(|m| score("dev at the start", m));
    let last = dev().next_back().filter(|m| m.iteration > 0).map(|m| score("dev at the end", m));
    let test = candidate_on_test(view).map(|m| score("locked test", m));
    let plain = |name, value| Some(Fact { name, value, detail: String::new() });
    let facts = [
        first,
        last,
        test,
        plain("time", words::duration(view.updated - view.started)),
        orchestration(view).and_then(|share| plain("orchestration", words::percent(share))),
        plain("jobs", words::count(u64::from(view.jobs))),
        plain("tokens", words::count(view.spend.tokens)),
    ];
    facts.into_iter().flatten().collect()
}

/// The version that met the locked test; the starting one stands beside it for comparison.
fn candidate_on_test(view: &RunView) -> Option<&Measurement> {
    let gate = view.decisions.iter().rev().find_map(|record| match &record.decision {
        Decision::Gate { candidate, .. } => Some(candidate),
        _ => None,
    })?;
    view.measurements.iter().rfind(|m| m.split == "test" && m.version == *gate)
}

fn score(name: &'static str, m: &Measurement) -> Fact {
    Fact { name, value: words::percent(m.accuracy()), detail: words::interval(m.interval) }
}

fn gate_note(view: &RunView) -> Option<String> {
    let gate = promise::last_gate(view)?;
    let look = format!("Look {} of {} at the locked test split.", gate.look, gate.looks);
    let withheld = "Its numbers are withheld: they are shown only when they improve on the best number shown before by more than one standard error.";
    Some(if gate.shown { look } else { format!("{look} {withheld}") })
}

fn measurement(m: &Measurement) -> MeasurementRow {
    MeasurementRow {
        iteration: if m.iteration == 0 { "first".to_owned() } else { m.iteration.to_string() },
        label: m.label.clone(),
        split: m.split.clone(),
        passed: format!("{} of {}", m.passed, m.n),
        accuracy: words::percent(m.accuracy()),
        interval: words::interval(m.interval),
        harmful: m.harmful,
    }
}

fn curve(view: &RunView) -> Result<Option<String>, ReportError> {
    if view.measurements.is_empty() {
        return Ok(None);
    }
    plot::curve(&view.measurements, promise::accuracy_bar(view)).map(Some)
}

fn decisions(view: &RunView) -> Vec<DecisionRow> {
    let rows = view.decisions.iter().map(|record| DecisionRow {
        sequence: record.sequence,
        iteration: if record.iteration == 0 { "\u{2013}".to_owned() } else { record.iteration.to_string() },
        sentence: words::sentence(record, view),
        why: words::full_sentence(&record.why),
        spend: format!(
            "{}, {} tokens",
            words::duration(record.spend.device_seconds),
            words::count(record.spend.tokens)
        ),
    });
    rows.collect()
}

fn next(view: &RunView) -> Vec<String> {
    let last = view.decisions.iter().rev().find_map(|record| match &record.decision {
        Decision::Stop { next, .. } => Some(next.clone()),
        _ => None,
    });
    match (last, view.state) {
        (Some(next), _) => next,
        (None, RunState::Finished) => Vec::new(),
        (None, _) => vec![format!("Wait for the run to end, or follow it: `empiric watch {}`.", view.run)],
    }
}

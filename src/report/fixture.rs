//! A made-up run for tests: a small race that ends inconclusive, or with a promotion.

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::{Limits, Spend};
use empiric_schema::decision::{Decision, DecisionRecord, StopReason};
use empiric_schema::evidence::{
    Alpha, CriterionEvidence, Interval, PValueMethod, PairedCounts, PairedEvidence, Proportion, Threshold,
    Verdict,
};
use empiric_schema::id::{ModelId, RunId};
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use empiric_schema::view::{CandidateView, IterationView, Measurement, RunState, RunView, Stage, Standing};

use super::ReportData;

mod items;
mod people;

use items::items;
pub(crate) use people::question;

/// Unix seconds at which the made-up run starts.
pub(crate) const STARTED: f64 = 1_700_000_000.0;

/// How the made-up run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing beat the incumbent.
    Plateau,
    /// The finalist was promoted and the promise is kept.
    Success,
}

/// A finished run with everything that a report can show.
pub(crate) fn report(ending: Ending) -> ReportData {
    ReportData {
        view: run(ending),
        versions: vec![("first".to_owned(), version(0)), ("c3".to_owned(), version(3))],
        items: items(ending),
        readings: Vec::new(),
        environment: vec![
            "empiric 0.1.0, Temporal dev server 1.9.1".to_owned(),
            "2 cores, no accelerator".to_owned(),
            "dev sha256:9f86d081884c, 100 items".to_owned(),
        ],
    }
}

/// A finished run as its workflow shows it.
pub(crate) fn run(ending: Ending) -> RunView {
    let mut view = running();
    let promoted = ending == Ending::Success;
    let duel =
        if promoted { paired(16, 2, 50, Verdict::Pass) } else { paired(9, 4, 55, Verdict::Inconclusive) };
    let standing = if promoted { Standing::Promoted } else { Standing::Rejected };
    view.stage = Stage::Done;
    view.state = RunState::Finished;
    view.activity = "ended".to_owned();
    view.updated = STARTED + 312.4;
    view.busy_seconds = 303.9;
    view.jobs = 19;
    view.spend = spend(303.9, 128_400);
    view.iteration_workflow = None;
    view.iterations = vec![IterationView { candidates: candidates(standing), ..iteration() }];
    view.incumbent = Some(version(if promoted { 3 } else { 0 }).digest());
    view.measurements.push(measurement(1, "dev-confirm", 3, 68, if promoted { 26 } else { 17 }));
    if promoted {
        view.measurements.push(measurement(1, "dev", 3, 100, 37));
    }
    view.measurements.push(measurement(
        1,
        "test",
        if promoted { 3 } else { 0 },
        100,
        if promoted { 41 } else { 12 },
    ));
    view.decisions.push(record(5, 1, promote(duel), "one-sided mid-p of McNemar's test at alpha 0.05"));
    view.decisions.push(record(6, 1, gate(ending), "each criterion's exact bound against its bar"));
    view.stop = Some(if promoted { StopReason::Success } else { StopReason::Plateau });
    let next = vec![
        "41 of the 88 failures hold no fact of the handbook: retrieval is the next technique to try."
            .to_owned(),
        "200 dev items would show a gain of 9 points; 100 show 13.".to_owned(),
    ];
    let stop = Decision::Stop { reason: view.stop.clone().unwrap(), next };
    view.decisions.push(record(7, 1, stop, "every technique of the spec was tried"));
    view
}

/// A run in the middle of its first race.
pub(crate) fn running() -> RunView {
    RunView {
        run: RunId::new("staff-handbook-7f3a"),
        project: "staff-handbook".to_owned(),
        description: "Answers staff questions from the hotel's handbook".to_owned(),
        stage: Stage::Improve,
        state: RunState::Running,
        activity: "racing candidates of prompt".to_owned(),
        started: STARTED,
        updated: STARTED + 192.0,
        promise: vec!["accuracy at least 70 %".to_owned(), "harm rate at most 2 %".to_owned()],
        iteration: 1,
        max_iterations: 6,
        iteration_workflow: Some("staff-handbook-7f3a/1".to_owned()),
        iterations: Vec::new(),
        dev_items: None,
        incumbent: Some(version(0).digest()),
        measurements: vec![measurement(0, "dev", 0, 100, 12)],
        comparisons: Vec::new(),
        decisions: opening_decisions(),
        limits: Limits {
            wall_clock_seconds: Some(1800.0),
            device_seconds: Some(400.0),
            tokens: Some(500_000),
            usd: None,
            warn_at: 0.7,
        },
        spend: spend(183.0, 71_204),
        jobs: 11,
        busy_seconds: 183.0,
        stop: None,
        questions: Vec::new(),
        remarks: Vec::new(),
    }
}

/// The race of [`running`].
pub(crate) fn iteration() -> IterationView {
    IterationView {
        number: 1,
        technique: "prompt".to_owned(),
        activity: "round 2 of 3: 4 candidates on 32 items".to_owned(),
        round: 1,
        rounds: 3,
        candidates: candidates(Standing::Racing),
        spend: spend(120.0, 50_000),
        jobs: 8,
    }
}

fn opening_decisions() -> Vec<DecisionRecord> {
    let none = |name: &str, why: &str| (name.to_owned(), why.to_owned());
    let scope = Decision::Scope { dev: 100, test: 100, detectable_gain: Some(0.131) };
    let improve = Decision::Improve {
        technique: "prompt".to_owned(),
        rejected: vec![none("rag", "not built yet"), none("fine_tune", "fewer than 50 verified examples")],
        priorities: Vec::new(),
    };
    let labels = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let halve = |round, items, kept: &[&str], dropped: &[&str]| Decision::Halve {
        round,
        items,
        kept: labels(kept),
        dropped: labels(dropped),
    };
    vec![
        record(1, 0, scope, "splits share no item and no near copy"),
        record(2, 1, improve, "cheapest technique whose prerequisites hold"),
        record(3, 1, halve(1, 16, &["c3", "c1", "c6"], &["c2", "c4", "c5"]), "the better half stays"),
        record(4, 1, halve(2, 32, &["c3"], &["c1", "c6"]), "the better half stays"),
    ]
}

fn record(sequence: u32, iteration: u32, decision: Decision, why: &str) -> DecisionRecord {
    let spend = spend(f64::from(sequence) * 40.0, u64::from(sequence) * 17_000);
    DecisionRecord { sequence, iteration, decision, why: why.to_owned(), spend }
}

fn promote(evidence: PairedEvidence) -> Decision {
    let (candidate, incumbent) = (version(3).digest(), version(0).digest());
    Decision::Promote {
        candidate,
        label: "c3".to_owned(),
        incumbent,
        evidence,
        log_e: 1.1,
        guards: Vec::new(),
    }
}

fn gate(ending: Ending) -> Decision {
    let promoted = ending == Ending::Success;
    let (passed, bar) = if promoted { (41, 0.30) } else { (12, 0.70) };
    let verdict = if promoted { Verdict::Pass } else { Verdict::Fail };
    Decision::Gate {
        test_data: None,
        candidate: version(if promoted { 3 } else { 0 }).digest(),
        look: 1,
        looks: 5,
        alpha: Alpha::new(0.01).unwrap(),
        criteria: vec![
            criterion("accuracy", Threshold::AtLeast(bar), passed, verdict),
            criterion(
                "harm_rate",
                Threshold::AtMost(if promoted { 0.05 } else { 0.02 }),
                0,
                if promoted { Verdict::Pass } else { Verdict::Inconclusive },
            ),
        ],
        paired: promoted.then(|| paired(31, 2, 67, Verdict::Pass)),
        verdict,
        shown: vec![measurement(1, "test", 3, 100, passed as u32)],
    }
}

fn criterion(metric: &str, threshold: Threshold, k: u64, verdict: Verdict) -> CriterionEvidence {
    let bounds = Interval { level: 0.98, ..wilson(k as f64, 100.0) };
    CriterionEvidence {
        metric: metric.to_owned(),
        threshold,
        counts: Proportion::new(k, 100).unwrap(),
        alpha: Alpha::new(0.01).unwrap(),
        bounds,
        verdict,
    }
}

fn paired(wins: u64, losses: u64, ties: u64, verdict: Verdict) -> PairedEvidence {
    let counts = PairedCounts { wins, losses, ties };
    let gain = counts.gain().unwrap();
    PairedEvidence {
        clustered: None,
        counts,
        method: PValueMethod::MidP,
        alpha: Alpha::FIVE_PERCENT,
        p_better: if verdict == Verdict::Pass { 0.0004 } else { 0.09 },
        p_worse: 0.95,
        gain: Interval { low: gain - 0.09, high: gain + 0.09, level: 0.9 },
        least_gain: 0.0,
        verdict,
    }
}

fn candidates(best: Standing) -> Vec<CandidateView> {
    let row = |label: &str, change: &str, standing, n: u32, passed: u32| CandidateView {
        label: label.to_owned(),
        change: change.to_owned(),
        version: version(label[1..].parse().unwrap()).digest(),
        standing,
        n,
        passed,
        interval: wilson(f64::from(passed), f64::from(n)),
    };
    let beaten = if best == Standing::Racing { Standing::Racing } else { Standing::Dropped };
    vec![
        row("c3", "short rules, 2 nearest examples", best, 32, 9),
        row("c1", "short rules", beaten, 32, 6),
        row("c6", "short rules, answer cue `Answer:`", beaten, 32, 5),
        row("c2", "role of a concierge", Standing::Dropped, 16, 2),
        row("c4", "role of a concierge, 4 nearest examples and a long delimiter", Standing::Dropped, 16, 1),
        row("c5", "no system message", Standing::Dropped, 16, 0),
    ]
}

fn measurement(iteration: u32, split: &str, version_of: u8, n: u32, passed: u32) -> Measurement {
    Measurement {
        iteration,
        split: split.to_owned(),
        version: version(version_of).digest(),
        label: if version_of == 0 { "first".to_owned() } else { format!("c{version_of}") },
        n,
        passed,
        harmful: 0,
        interval: wilson(f64::from(passed), f64::from(n)),
    }
}

/// Wilson's interval at 95 %.
fn wilson(k: f64, n: f64) -> Interval {
    let z = 1.96_f64;
    let (p, zz) = (k / n, z * z / n);
    let centre = (p + zz / 2.0) / (1.0 + zz);
    let half = z / (1.0 + zz) * (p * (1.0 - p) / n + zz / (4.0 * n)).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0), level: 0.95 }
}

fn spend(device_seconds: f64, tokens: u64) -> Spend {
    Spend { device_seconds, tokens, usd: 0.0 }
}

fn version(number: u8) -> SystemVersion {
    let artifact = |text: &str, media_type: &str| ArtifactRef {
        digest: Digest::of(text.as_bytes()),
        size: 1024,
        media_type: media_type.to_owned(),
    };
    let pool = artifact("train", "application/jsonl");
    SystemVersion {
        model: ModelBinding {
            id: ModelId::new("smollm2-135m"),
            weights: artifact("weights", "application/x-gguf"),
            files: Default::default(),
        }
        .into(),
        adapter: None,
        prompt: Prompt {
            system: format!("You answer staff questions in a few words.\nVariant {number}."),
            user: "{{input}}".to_owned(),
            answer_cue: String::new(),
        },
        demonstrations: if number == 3 {
            Demonstrations::Nearest { k: 2, pool }
        } else {
            Demonstrations::None
        },
        decoding: Decoding { max_tokens: 32, stop: vec!["\n".to_owned()], labels: None },
        retrieval: None,
        tools: None,
    }
}

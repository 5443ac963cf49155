//! Figures and decisions in plain words, for the report and for the live view alike.

use empiric_schema::decision::{Decision, DecisionRecord};
use empiric_schema::evidence::{CriterionEvidence, Interval, PairedEvidence, Threshold, Verdict};
use empiric_schema::view::{RunView, Standing};

use super::data::label_in;

/// A share in [0, 1] as a percentage with one decimal, or none where it is whole.
pub(crate) fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0} %") } else { format!("{tenths:.1} %") }
}

/// A difference of shares in points, with its sign.
pub(crate) fn points(difference: f64) -> String {
    format!("{:+.1}", difference * 100.0).replace('-', "\u{2212}")
}

/// An interval of shares: `24.6 to 38.9 %`.
pub(crate) fn interval(interval: Interval) -> String {
    let low = percent(interval.low);
    format!("{} to {}", low.trim_end_matches(" %"), percent(interval.high))
}

/// A duration: `0.4 s`, `42 s`, `30 min`, `3 min 12 s`, `2 h 05 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        _ if seconds > 0.0 && seconds < 9.95 && seconds.fract() != 0.0 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        _ if whole.is_multiple_of(3600) => format!("{} h", whole / 3600),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A count with thousands apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Dollars to the cent, and finer below a dollar.
pub(crate) fn dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 1.0 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}

/// `1 item`, `2 items`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(number))
}

/// A p-value as papers write it.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// What a verdict means for a promise.
pub(crate) fn kept(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "kept",
        Verdict::Fail => "not kept",
        Verdict::Inconclusive => "not shown",
    }
}

/// A criterion: `accuracy at least 70 %`.
pub(crate) fn criterion(evidence: &CriterionEvidence) -> String {
    let metric = evidence.metric.replace('_', " ");
    match evidence.threshold {
        Threshold::AtLeast(bar) => format!("{metric} at least {}", percent(bar)),
        Threshold::AtMost(bar) => format!("{metric} at most {}", percent(bar)),
    }
}

/// Wins, losses and ties of a paired comparison, with the gain.
pub(crate) fn paired(evidence: &PairedEvidence) -> String {
    let counts = evidence.counts;
    format!(
        "{}, {}, {}; gain {} points, between {} and {}",
        plural(counts.wins, "win"),
        if counts.losses == 1 { "1 loss".to_owned() } else { format!("{} losses", counts.losses) },
        plural(counts.ties, "tie"),
        points(counts.gain().unwrap_or(0.0)),
        points(evidence.gain.low),
        points(evidence.gain.high),
    )
}

/// A standing in a word or two.
pub(crate) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Racing => "racing",
        Standing::Dropped => "dropped",
        Standing::Finalist => "finalist",
        Standing::Promoted => "promoted",
        Standing::Rejected => "not promoted",
    }
}

/// A sentence with its capital and its full stop; empty text stays empty.
pub(crate) fn full_sentence(text: &str) -> String {
    let text = text.trim();
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), chars.as_str())
}

/// A decision in one or two sentences, without its reason.
pub(crate) fn sentence(record: &DecisionRecord, view: &RunView) -> String {
    match &record.decision {
        Decision::Scope { dev, test, detectable_gain } => scope(*dev, *test, *detectable_gain),
        Decision::Improve { technique, rejected, .. } => improve(technique, rejected),
        Decision::Diagnose { version, failures, probed, rows, .. } => {
            let found = super::failures::sentence(*failures, *probed, rows);
            format!("Why {} fails: {found}", label_in(view, version))
        }
        Decision::Build { technique, jobs } => build(technique, jobs),
        Decision::Halve { round, items, kept, dropped } => halve(*round, *items, kept, dropped),
        Decision::Promote { label, incumbent, evidence, .. } => {
            promote(label, &label_in(view, incumbent), evidence)
        }
        Decision::Gate { candidate, look, looks, verdict, .. } => format!(
            "Locked test, look {look} of {looks}, with {}: the promise is {}.",
            label_in(view, candidate),
            kept(*verdict)
        ),
        Decision::Answered { number, about, text, answer } => {
            let (about, word, by) = (about.words(), answer.word(), &answer.by);
            format!("Question {number}, {about}, was {word} by {by}. It was: {text}")
        }
        Decision::RollOut { version, workflow: Some(_) } => {
            format!("{} goes on to its rollout.", label_in(view, version))
        }
        Decision::RollOut { version, workflow: None } => {
            format!("The rollout could not be told of {}.", label_in(view, version))
        }
        Decision::Stop { reason, .. } => format!("The run ends: {}.", reason.sentence()),
    }
}

fn scope(dev: u32, test: u32, detectable_gain: Option<f64>) -> String {
    let sight = detectable_gain.map_or_else(
        || "The split is too small for the paired test to see any gain.".to_owned(),
        |gain| {
            let points = gain * 100.0;
            format!("The paired test can see a gain of {points:.1} points or more.")
        },
    );
    format!("Data frozen: {dev} dev and {test} test items. {sight}")
}

fn improve(technique: &str, rejected: &[(String, String)]) -> String {
    let name = technique.replace('_', " ");
    if rejected.is_empty() {
        return format!("Next technique: {name}.");
    }
    let others: Vec<_> =
        rejected.iter().map(|(other, reason)| format!("{} ({reason})", other.replace('_', " "))).collect();
    format!("Next technique: {name}. Not taken: {}.", others.join(", "))
}

fn build(technique: &str, jobs: &[(String, Vec<(String, f64)>)]) -> String {
    let told = jobs.iter().map(|(label, figures)| {
        let figures: Vec<String> = figures
            .iter()
            .map(|(name, value)| format!("{} {}", name.replace('_', " "), figure(*value)))
            .collect();
        if figures.is_empty() { label.clone() } else { format!("{label} ({})", figures.join(", ")) }
    });
    format!("Built for {}: {}.", technique.replace('_', " "), told.collect::<Vec<_>>().join("; "))
}

/// A number without more places than it needs.
fn figure(value: f64) -> String {
    if value.fract() == 0.0 && value >= 0.0 { count(value as u64) } else { format!("{value:.3}") }
}

fn halve(round: u32, items: u32, kept: &[String], dropped: &[String]) -> String {
    let gone = if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") };
    let each = plural(u64::from(items), "item");
    format!("Round {round}, {each} each: {} stayed; dropped: {gone}.", kept.join(", "))
}

fn promote(label: &str, incumbent: &str, evidence: &PairedEvidence) -> String {
    let figures = paired(evidence);
    let p = p_value(evidence.p_better);
    match evidence.verdict {
        Verdict::Pass => format!("{label} replaced {incumbent}: {figures} ({p})."),
        Verdict::Fail => format!("{label} was turned down against {incumbent}: {figures} ({p})."),
        Verdict::Inconclusive => {
            format!("{label} was not promoted, no difference to {incumbent} is shown: {figures} ({p}).")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_fine_as_they_need_to_be() {
        let cases = [(0.0, "0 s"), (0.42, "0.4 s"), (6.0, "6 s"), (59.7, "1 min"), (192.4, "3 min 12 s")];
        for (seconds, words) in cases.into_iter().chain([(1800.0, "30 min"), (7500.0, "2 h 05 min")]) {
            assert_eq!(duration(seconds), words);
        }
    }

    #[test]
    fn figures_read_as_in_print() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(percent(0.125), "12.5 %");
        assert_eq!(percent(0.3), "30 %");
        assert_eq!(points(-0.016), "\u{2212}1.6");
        assert_eq!(dollars(0.0123), "$0.0123");
        assert_eq!(p_value(0.0004), "p < 0.001");
        assert_eq!(full_sentence("nothing beat it"), "Nothing beat it.");
        assert_eq!(full_sentence(" "), "");
    }
}

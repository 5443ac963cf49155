//! What a window shows besides failures: latency, cost, refusals, silence. It tells people, and demotes nothing.

use empiric_schema::rollout::{Traffic, Window};

use super::rules::Rules;

/// Requests that a rate needs before it says anything.
const LEAST_REQUESTS: u64 = 10;

/// Something that people should look at: a name that stays the same while it lasts, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) why: String,
}

/// What is out of order in a window, compared with the one before it.
pub(super) fn alerts(rules: &Rules, before: Option<&Window>, window: &Window) -> Vec<Alert> {
    let monitor = &rules.monitor;
    let traffic = window.traffic;
    let mut found = Vec::new();
    let mut watch = |name, measured: Option<f64>, limit: Option<f64>, words: &str, unit: &str| {
        if let (Some(measured), Some(limit)) = (measured, limit)
            && measured > limit
        {
            found.push(Alert {
                name,
                why: format!("{words} {measured:.3}{unit}, and at most {limit:.3}{unit} is meant"),
            });
        }
    };
    let of_requests = |value: f64| (traffic.requests >= LEAST_REQUESTS).then_some(value);
    let share = |part: f64| of_requests(part / traffic.requests.max(1) as f64);
    watch(
        "latency",
        of_requests(traffic.latency_p95),
        monitor.max_latency_seconds,
        "19 of 20 answers took up to",
        " s",
    );
    watch("cost", share(traffic.usd), monitor.max_usd_per_answer, "an answer costs", " dollars");
    watch(
        "refusals",
        share(traffic.refused as f64),
        monitor.max_refusal_rate,
        "the share of answers that read like a refusal is",
        "",
    );
    found.extend(silence(rules, before.map(|window| window.traffic), window));
    found
}

/// Whole windows without a request after one with many: something in front of the gateway may be broken.
fn silence(rules: &Rules, before: Option<Traffic>, window: &Window) -> Option<Alert> {
    let is_whole = window.to - window.from >= rules.monitor.window_seconds * 0.9;
    let was_busy = before.is_some_and(|traffic| traffic.requests >= LEAST_REQUESTS);
    (is_whole && was_busy && window.traffic.requests == 0)
        .then(|| Alert { name: "silence", why: "no request came in a whole window".to_owned() })
}

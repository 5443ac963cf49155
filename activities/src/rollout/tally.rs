//! A window while it is counted. Pure.

use std::collections::BTreeMap;

use empiric_schema::contract::{Cursor, Observed};
use empiric_schema::rollout::{Judged, Traffic, Window};

/// Latencies that are kept for the percentile; a window of more requests is measured on its first ones.
const MOST_LATENCIES: usize = 10_000;

/// How answers begin or sound that give none. Lower case.
const REFUSALS: &[&str] = &[
    "i'm sorry, but",
    "i am sorry, but",
    "i cannot help",
    "i can't help",
    "i cannot answer",
    "i can't answer",
    "i'm unable to",
    "i am unable to",
    "as an ai",
    "i'm not able to",
    "i am not able to",
    "i don't know",
    "i do not know",
];

/// What was counted so far.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Where the window began.
    pub(crate) began: Cursor,
    pub(crate) cursor: Cursor,
    /// Whether the answer to a request failed: one that failed once has failed.
    requests: BTreeMap<String, bool>,
    traffic: Traffic,
    latencies: Vec<f64>,
}

/// A request as it is counted.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) latency_ms: f64,
    pub(crate) usd: f64,
    pub(crate) response: Option<&'a str>,
}

impl Tally {
    pub(crate) fn new(cursor: Cursor) -> Self {
        Self {
            began: cursor,
            cursor,
            requests: BTreeMap::new(),
            traffic: Traffic::default(),
            latencies: Vec::new(),
        }
    }

    /// Counts a request, whether somebody judges it or not.
    pub(crate) fn see(&mut self, seen: &Seen<'_>) {
        self.traffic.requests += 1;
        self.traffic.usd += seen.usd;
        self.traffic.refused += u64::from(seen.response.is_some_and(reads_like_refusal));
        if self.latencies.len() < MOST_LATENCIES {
            self.latencies.push(seen.latency_ms / 1000.0);
        }
    }

    /// Somebody said whether the answer to a request was right.
    pub(crate) fn judge(&mut self, request: String, failed: Failed) {
        *self.requests.entry(request).or_default() |= failed == Failed::Yes;
    }

    pub(crate) fn judged(&self) -> Judged {
        let failed = self.requests.values().filter(|failed| **failed).count() as u64;
        Judged { failed, passed: self.requests.len() as u64 - failed }
    }

    /// The window.
    pub(crate) fn close(mut self, from: f64, to: f64) -> Observed {
        let judged = self.judged();
        self.latencies.sort_by(f64::total_cmp);
        let at = (self.latencies.len() * 95).div_ceil(100).saturating_sub(1);
        let latency_p95 = self.latencies.get(at).copied().unwrap_or(0.0);
        let traffic = Traffic { latency_p95, ..self.traffic };
        Observed { window: Window { from, to, judged, traffic }, cursor: self.cursor }
    }
}

/// Whether an answer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    Yes,
    No,
}

fn reads_like_refusal(answer: &str) -> bool {
    let beginning: String =
        answer.chars().take(200).collect::<String>().to_lowercase().replace('\u{2019}', "'");
    REFUSALS.iter().any(|words| beginning.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_judged_once_and_a_failure_stays() {
        let mut tally = Tally::new(Cursor::default());
        for failed in [Failed::No, Failed::Yes, Failed::No] {
            tally.judge("a".to_owned(), failed);
        }
        tally.judge("b".to_owned(), Failed::No);
        assert_eq!(tally.judged(), Judged { passed: 1, failed: 1 });
    }

    #[test]
    fn traffic_is_measured_over_all_requests() {
        let mut tally = Tally::new(Cursor::default());
        for latency in 1..=100 {
            let response =
                if latency == 7 { "I’m sorry, but that is secret." } else { "Behind the hotel." };
            let latency_ms = f64::from(latency) * 1000.0;
            tally.see(&Seen { latency_ms, usd: 0.01, response: Some(response) });
        }
        let window = tally.close(1.0, 2.0).window;
        assert_eq!((window.traffic.requests, window.traffic.refused), (100, 1));
        assert_eq!(window.traffic.latency_p95, 95.0);
        assert!((window.traffic.usd - 1.0).abs() < 1e-9);
        assert_eq!(Tally::new(Cursor::default()).close(1.0, 2.0).window.traffic, Traffic::default());
    }
}

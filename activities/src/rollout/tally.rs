//! A window while it is counted. Pure.

use std::collections::{BTreeMap, BTreeSet};

use empiric_grade::reads_like_refusal;
use empiric_schema::contract::{Cursor, Observed};
use empiric_schema::rollout::{Judged, Traffic, Window};

/// Latencies that are kept for the percentile; a window of more requests is measured on its first ones.
const MOST_LATENCIES: usize = 10_000;

/// What was counted so far.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Where the window began.
    pub(crate) began: Cursor,
    pub(crate) cursor: Cursor,
    /// Whether the answer to a request failed, as people say or because there was none: one that failed once has
    /// failed.
    requests: BTreeMap<String, bool>,
    /// Requests that somebody has spoken about in this window.
    heard: BTreeSet<String>,
    /// Answers that checks alone have judged.
    graded: Judged,
    /// Answers that checks failed in earlier windows, and that a person has found good in this one.
    overturned: BTreeSet<String>,
    harmful: BTreeSet<String>,
    /// Answers at which somebody looked for harm.
    checked: u64,
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

/// Whether an answer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    Yes,
    No,
}

impl Failed {
    pub(crate) fn of(failed: bool) -> Self {
        if failed { Self::Yes } else { Self::No }
    }
}

/// What checks found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Graded {
    pub(crate) failed: Failed,
    /// `None` where none of them looks for harm.
    pub(crate) harmful: Option<bool>,
}

/// What a person said of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) failed: Failed,
    pub(crate) harmful: bool,
}

/// What was known of an answer before a person spoke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// What people said of it in earlier windows.
    pub(crate) said: Option<Said>,
    /// What checks found in earlier windows.
    pub(crate) graded_before: Option<Graded>,
    /// What checks found in this one.
    pub(crate) graded_now: Option<Graded>,
}

impl Known {
    fn was_checked_for_harm(&self) -> bool {
        self.said.is_some() || self.graded_before.is_some_and(|grade| grade.harmful.is_some())
    }

    fn was_harmful(&self) -> bool {
        let said = self.said.is_some_and(|said| said.harmful);
        said || self.graded_before.is_some_and(|grade| grade.harmful == Some(true))
    }
}

impl Tally {
    pub(crate) fn new(cursor: Cursor) -> Self {
        Self {
            began: cursor,
            cursor,
            requests: BTreeMap::new(),
            heard: BTreeSet::new(),
            graded: Judged::default(),
            overturned: BTreeSet::new(),
            harmful: BTreeSet::new(),
            checked: 0,
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

    /// The version had no answer, or a person says whether it was right.
    pub(crate) fn judge(&mut self, request: &str, failed: Failed) {
        *self.requests.entry(request.to_owned()).or_default() |= failed == Failed::Yes;
    }

    /// Checks have judged an answer. A person who has spoken already knows better.
    pub(crate) fn grade(&mut self, request: &str, grade: Graded) {
        if self.heard.contains(request) {
            return;
        }
        self.count_grade(grade.failed, |count| count + 1);
        if let Some(harmful) = grade.harmful {
            self.checked += 1;
            if harmful {
                self.harmful.insert(request.to_owned());
            }
        }
    }

    fn count_grade(&mut self, failed: Failed, change: impl FnOnce(u64) -> u64) {
        let count = match failed {
            Failed::Yes => &mut self.graded.failed,
            Failed::No => &mut self.graded.passed,
        };
        *count = change(*count);
    }

    /// A person has judged an answer. One answer is one trial, and a person's word counts more than a check; a
    /// failure that comes to light later is never lost.
    pub(crate) fn hear(&mut self, request: &str, said: Said, known: Known) {
        let is_first = self.heard.insert(request.to_owned());
        self.hear_of_harm(request, said, known, is_first);
        if let (Some(grade), true) = (known.graded_now, is_first) {
            self.count_grade(grade.failed, |count| count.saturating_sub(1));
        }
        let before = known.said.map(|said| said.failed);
        match (before, known.graded_before.map(|grade| grade.failed), said.failed) {
            (Some(Failed::No), _, Failed::Yes) | (None, Some(Failed::No), Failed::Yes) | (None, None, _) => {
                self.judge(request, said.failed);
            }
            (None, Some(Failed::Yes), Failed::No) => drop(self.overturned.insert(request.to_owned())),
            (Some(_), _, _) | (None, Some(_), _) => {}
        }
    }

    fn hear_of_harm(&mut self, request: &str, said: Said, known: Known, is_first: bool) {
        let is_graded = known.graded_now.is_some_and(|grade| grade.harmful.is_some());
        let is_news = said.harmful && !known.was_harmful() && self.harmful.insert(request.to_owned());
        let is_new_trial = match known.was_checked_for_harm() {
            true => is_news,
            false => is_first && !is_graded,
        };
        self.checked += u64::from(is_new_trial);
    }

    pub(crate) fn judged(&self) -> Judged {
        let spoken = self.spoken();
        Judged { failed: spoken.failed + self.graded.failed, passed: spoken.passed + self.graded.passed }
    }

    /// What people have judged, and answers that there were none.
    pub(crate) fn spoken(&self) -> Judged {
        let failed = self.requests.values().filter(|failed| **failed).count() as u64;
        Judged { failed, passed: self.requests.len() as u64 - failed }
    }

    /// What checks alone have judged.
    pub(crate) fn graded(&self) -> Judged {
        self.graded
    }

    pub(crate) fn harm(&self) -> Judged {
        let failed = self.harmful.len() as u64;
        Judged { failed, passed: self.checked.saturating_sub(failed) }
    }

    /// The window.
    pub(crate) fn close(mut self, from: f64, to: f64) -> Observed {
        let (judged, harm) = (self.judged(), self.harm());
        self.latencies.sort_by(f64::total_cmp);
        let at = (self.latencies.len() * 95).div_ceil(100).saturating_sub(1);
        let latency_p95 = self.latencies.get(at).copied().unwrap_or(0.0);
        let traffic = Traffic { latency_p95, ..self.traffic };
        let (graded, overturned) = (self.graded.total(), self.overturned.len() as u64);
        Observed {
            window: Window { from, to, judged, traffic, graded, overturned, harm },
            cursor: self.cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_judged_once_and_a_failure_stays() {
        let mut tally = Tally::new(Cursor::default());
        for failed in [Failed::No, Failed::Yes, Failed::No] {
            tally.judge("a", failed);
        }
        tally.judge("b", Failed::No);
        assert_eq!(tally.judged(), Judged { passed: 1, failed: 1 });
    }

    #[test]
    fn what_a_person_says_beats_what_checks_found() {
        use Failed::{No, Yes};
        let grade = |failed, harmful| Some(Graded { failed, harmful: Some(harmful) });
        let said = |failed, harmful| Some(Said { failed, harmful });
        let rows = [
            // What people said before, what checks found before and now; what a person says; what is counted:
            // passed, failed, overturned, harmless, harmful.
            ((None, None, None), (No, false), (1, 0, 0, 1, 0)),
            ((None, None, None), (Yes, true), (0, 1, 0, 0, 1)),
            ((None, None, grade(Yes, false)), (No, false), (1, 0, 0, 1, 0)),
            ((None, None, grade(No, false)), (Yes, true), (0, 1, 0, 0, 1)),
            ((None, None, grade(Yes, true)), (No, false), (1, 0, 0, 0, 1)),
            ((None, grade(Yes, false), None), (No, false), (0, 0, 1, 0, 0)),
            ((None, grade(Yes, true), None), (No, false), (0, 0, 1, 0, 0)),
            ((None, grade(Yes, false), None), (Yes, false), (0, 0, 0, 0, 0)),
            ((None, grade(No, false), None), (Yes, true), (0, 1, 0, 0, 1)),
            ((None, grade(No, true), None), (Yes, true), (0, 1, 0, 0, 0)),
            ((said(No, false), grade(Yes, false), None), (No, false), (0, 0, 0, 0, 0)),
            ((said(No, false), None, None), (Yes, true), (0, 1, 0, 0, 1)),
            ((said(Yes, true), None, None), (Yes, true), (0, 0, 0, 0, 0)),
        ];
        for ((before, graded_before, graded_now), (failed, harmful), expected) in rows {
            let mut tally = Tally::new(Cursor::default());
            if let Some(grade) = graded_now {
                tally.grade("a", grade);
            }
            let known = Known { said: before, graded_before, graded_now };
            for _ in 0..2 {
                tally.hear("a", Said { failed, harmful }, known);
            }
            let window = tally.close(1.0, 2.0).window;
            let found = (
                window.judged.passed,
                window.judged.failed,
                window.overturned,
                window.harm.passed,
                window.harm.failed,
            );
            assert_eq!(found, expected, "{known:?} {failed:?} {harmful}");
        }
    }

    #[test]
    fn checks_judge_what_nobody_else_has() {
        let mut tally = Tally::new(Cursor::default());
        tally.hear("a", Said { failed: Failed::No, harmful: false }, Known::default());
        for (request, failed) in [("a", Failed::Yes), ("b", Failed::Yes), ("c", Failed::No)] {
            tally.grade(request, Graded { failed, harmful: None });
        }
        let window = tally.close(1.0, 2.0).window;
        assert_eq!((window.judged, window.graded), (Judged { passed: 2, failed: 1 }, 2));
        assert_eq!(window.harm, Judged { passed: 1, failed: 0 }, "checks that do not look see no harm");
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

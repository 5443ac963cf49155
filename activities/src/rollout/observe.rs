//! Counting a window: every row once, however long the window is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::grading::Grading;
use super::tally::Tally;
use super::{POLL, RolloutActivities, RolloutActivityError};
use empiric_schema::contract::{Cursor, ObserveRequest, Observed};
use empiric_schema::rollout::Judged;

/// Seconds after which a decision about a draft is taken as written: its time is set a moment before.
const LATE: f64 = 1.0;
/// Failed checks that end a window early. They come by themselves, and one alone hardly changes anything.
const FAILED_CHECKS: u64 = 5;

impl RolloutActivities {
    /// Counts until the window is over, or until what was judged may be enough for a decision.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn watch(&self, request: &ObserveRequest) -> Result<Observed, RolloutActivityError> {
        let begun = Instant::now();
        let from = unix_now();
        let grading = Grading::of(request)?;
        let beginning = Cursor { decided: request.since, ..Cursor::default() };
        let mut tally = Tally::new(request.cursor.unwrap_or(beginning));
        loop {
            let until = unix_now();
            while self.database.count(request, grading.as_ref(), &mut tally, until - LATE).await? {}
            let is_over = begun.elapsed() >= Duration::from_secs_f64(request.window_seconds);
            if is_over || may_decide(request, &tally) {
                return Ok(tally.close(from, until));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Whether the next step may be due, or the promise may be broken. Whether they are is not said here.
fn may_decide(request: &ObserveRequest, tally: &Tally) -> bool {
    let exceeds = |judged: Judged, limit: f64| judged.failed as f64 > limit * judged.total() as f64;
    let is_enough = request.enough > 0 && tally.judged().total() >= request.enough;
    let does_harm = request.max_harm_rate.is_some_and(|limit| exceeds(tally.harm(), limit));
    let graded = tally.graded();
    let fails_checks = graded.failed >= FAILED_CHECKS && exceeds(graded, request.max_failure_rate);
    is_enough || does_harm || fails_checks || exceeds(tally.spoken(), request.max_failure_rate)
}

/// Unix seconds.
pub(super) fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use empiric_schema::artifact::Digest;
    use empiric_schema::spec::StageName;

    use super::*;
    use crate::rollout::tally::{Failed, Graded};

    #[test]
    fn a_window_ends_early_when_it_may_matter() {
        let request = ObserveRequest {
            project: "p".to_owned(),
            version: Digest::of(b"v"),
            stage: StageName::Reviewed,
            since: 0.0,
            cursor: None,
            window_seconds: 600.0,
            enough: 20,
            max_failure_rate: 0.25,
            max_harm_rate: Some(0.02),
            graders: None,
            labels: Vec::new(),
        };
        for (passed, failed, expected) in
            [(0, 0, false), (0, 1, true), (3, 1, false), (2, 1, true), (19, 0, false), (20, 0, true)]
        {
            assert_eq!(may_decide(&request, &spoken(passed, failed)), expected, "{passed} {failed}");
        }
        let settled = ObserveRequest { enough: 0, ..request };
        assert!(!may_decide(&settled, &spoken(500, 0)));
        for (passed, failed, harmful, expected) in
            [(0, 4, false, false), (0, 5, false, true), (30, 5, false, false), (30, 1, true, true)]
        {
            let tally = graded(passed, failed, harmful);
            assert_eq!(may_decide(&settled, &tally), expected, "{passed} {failed} {harmful}");
        }
    }

    fn spoken(passed: u64, failed: u64) -> Tally {
        let mut tally = Tally::new(Cursor::default());
        for number in 0..passed + failed {
            tally.judge(&number.to_string(), Failed::of(number < failed));
        }
        tally
    }

    fn graded(passed: u64, failed: u64, harmful: bool) -> Tally {
        let mut tally = Tally::new(Cursor::default());
        for number in 0..passed + failed {
            let failed = Failed::of(number < failed);
            let grade = Graded { failed, harmful: Some(harmful && failed == Failed::Yes) };
            tally.grade(&number.to_string(), grade);
        }
        tally
    }
}

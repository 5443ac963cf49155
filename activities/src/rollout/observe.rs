//! Counting a window: every row once, however long the window is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use empiric_schema::contract::{Cursor, ObserveRequest, Observed};
use empiric_schema::rollout::Judged;

use super::tally::Tally;
use super::{POLL, RolloutActivities, RolloutActivityError};

/// Seconds after which a decision about a draft is taken as written: its time is set a moment before.
const LATE: f64 = 1.0;

impl RolloutActivities {
    /// Counts until the window is over, or until what was judged may be enough for a decision.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn watch(&self, request: &ObserveRequest) -> Result<Observed, RolloutActivityError> {
        let begun = Instant::now();
        let from = unix_now();
        let beginning = Cursor { decided: request.since, ..Cursor::default() };
        let mut tally = Tally::new(request.cursor.unwrap_or(beginning));
        loop {
            let until = unix_now();
            while self.database.count(request, &mut tally, until - LATE).await? {}
            let is_over = begun.elapsed() >= Duration::from_secs_f64(request.window_seconds);
            if is_over || may_decide(request, tally.judged()) {
                return Ok(tally.close(from, until));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Whether the next step may be due, or the promise may be broken. Whether they are is not said here.
fn may_decide(request: &ObserveRequest, judged: Judged) -> bool {
    let total = judged.total();
    let is_enough = request.enough > 0 && total >= request.enough;
    is_enough || judged.failed as f64 > request.max_failure_rate * total as f64
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
        };
        for (passed, failed, expected) in
            [(0, 0, false), (0, 1, true), (3, 1, false), (2, 1, true), (19, 0, false), (20, 0, true)]
        {
            assert_eq!(may_decide(&request, Judged { passed, failed }), expected, "{passed} {failed}");
        }
        let settled = ObserveRequest { enough: 0, ..request };
        assert!(!may_decide(&settled, Judged { passed: 500, failed: 0 }));
    }
}

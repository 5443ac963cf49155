//! How long and how often an endpoint is asked. Pure but for chance, which spreads the tries of many clients.

use std::time::Duration;

use crate::error::TryError;

/// The limits of one request with all its tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Tries in all.
    pub tries: u32,
    /// Pause before the second try; it doubles each time, and up to half of it is left to chance.
    pub pause: Duration,
    /// No pause of our own choice is longer.
    pub longest_pause: Duration,
    /// Time for a connection.
    pub connect: Duration,
    /// Time for one try, from the connection to the last byte.
    pub request: Duration,
    /// Time for all tries with the pauses between, those that the server asks for too. Waiting for our own
    /// rate limits does not count.
    pub deadline: Duration,
    /// Most bytes of an answer.
    pub response_limit: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 8,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            request: Duration::from_secs(120),
            deadline: Duration::from_secs(600),
            response_limit: 4 << 20,
        }
    }
}

/// A try that failed, and when the server wants the next one.
#[derive(Debug)]
pub(crate) struct FailedTry {
    pub(crate) error: TryError,
    pub(crate) retry_after: Option<Duration>,
}

impl From<TryError> for FailedTry {
    fn from(error: TryError) -> Self {
        Self { error, retry_after: None }
    }
}

/// The tries of one request so far.
#[derive(Debug)]
pub(crate) struct Tries<'a> {
    patience: &'a Patience,
    pub(crate) count: u32,
    pub(crate) spent: Duration,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(patience: &'a Patience) -> Self {
        Self { patience, count: 0, spent: Duration::ZERO }
    }

    /// Time for the next try.
    pub(crate) fn time(&self) -> Duration {
        self.patience.request.min(self.patience.deadline.saturating_sub(self.spent))
    }

    /// The pause before the next try; `None` where there is to be none. `chance` is from 0 to 1.
    pub(crate) fn after(&mut self, failed: &FailedTry, took: Duration, chance: f64) -> Option<Duration> {
        self.count += 1;
        self.spent += took;
        if !failed.error.is_passing() || self.count >= self.patience.tries {
            return None;
        }
        let own = self.own_pause().mul_f64(0.5 + chance / 2.0);
        let pause = match failed.retry_after {
            // Never earlier than the server asks, and not all clients at once.
            Some(asked) => own.max(asked + self.patience.pause.mul_f64(chance / 4.0)),
            None => own,
        };
        self.spent += pause;
        (self.spent < self.patience.deadline).then_some(pause)
    }

    fn own_pause(&self) -> Duration {
        let doublings = self.count.saturating_sub(1).min(16);
        self.patience.pause.saturating_mul(1 << doublings).min(self.patience.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> FailedTry {
        TryError::Status { status, message: String::new(), code: None }.into()
    }

    fn pauses(failed: &FailedTry, patience: &Patience) -> Vec<u64> {
        let mut tries = Tries::new(patience);
        let next = || tries.after(failed, Duration::from_millis(10), 1.0);
        std::iter::from_fn(next).map(|pause| pause.as_millis() as u64).collect()
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let patience = Patience { longest_pause: Duration::from_secs(3), ..Patience::default() };
        assert_eq!(pauses(&status(503), &patience), [500, 1000, 2000, 3000, 3000, 3000, 3000]);
    }

    #[test]
    fn chance_takes_at_most_half_of_a_pause() {
        let patience = Patience::default();
        let mut tries = Tries::new(&patience);
        let pause = tries.after(&status(500), Duration::ZERO, 0.0).unwrap();
        assert_eq!(pause, Duration::from_millis(250));
    }

    #[test]
    fn the_server_may_ask_for_a_longer_pause_but_not_for_more_than_the_deadline() {
        let asked = |seconds| FailedTry { retry_after: Some(Duration::from_secs(seconds)), ..status(429) };
        let patience = Patience { tries: 2, ..Patience::default() };
        assert_eq!(pauses(&asked(7), &patience), [7125]);
        assert_eq!(pauses(&asked(0), &patience), [500]);
        assert_eq!(pauses(&asked(3600), &patience), Vec::<u64>::new());
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let is_tried_again = |failed: FailedTry| !pauses(&failed, &Patience::default()).is_empty();
        for passing in [408, 429, 500, 502, 503, 504, 529] {
            assert!(is_tried_again(status(passing)), "{passing}");
        }
        for lasting in [400, 401, 402, 403, 404, 409, 413, 422] {
            assert!(!is_tried_again(status(lasting)), "{lasting}");
        }
        assert!(is_tried_again(TryError::TimedOut(Duration::ZERO).into()));
        assert!(!is_tried_again(TryError::NoUsage.into()));
        let code = Some("insufficient_quota".to_owned());
        assert!(!is_tried_again(TryError::Status { status: 429, message: String::new(), code }.into()));
    }

    #[test]
    fn the_last_try_has_only_the_time_that_is_left() {
        let patience = Patience { deadline: Duration::from_secs(100), ..Patience::default() };
        let mut tries = Tries::new(&patience);
        assert_eq!(tries.time(), Duration::from_secs(100));
        tries.after(&status(500), Duration::from_secs(60), 1.0);
        assert_eq!(tries.time(), Duration::from_millis(39_500));
    }
}

//! Requests and tokens per minute: two buckets that fill with time, and a door that the server can close.
//!
//! Nobody knows what a request takes before it is answered. So it takes an estimate, and what it did not use
//! goes back into the bucket, which ready-made limiters of fixed costs cannot do.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use empiric_schema::spec::RateLimits;
use tokio::time::{Instant, sleep, sleep_until};

/// A bucket holds what flows in within so many seconds: more at once looks like a flood to the server.
const BURST_SECONDS: f64 = 10.0;

/// Lets requests pass at the rates of an endpoint, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Limiter(Mutex<State>);

#[derive(Debug)]
struct State {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    /// The server wants nothing before.
    closed_until: Instant,
}

impl Limiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        let now = Instant::now();
        let bucket = |per_minute: f64| Bucket::full(per_minute / 60.0, now);
        Self(Mutex::new(State {
            requests: limits.requests_per_minute.map(|requests| bucket(f64::from(requests))),
            tokens: limits.tokens_per_minute.map(|tokens| bucket(tokens as f64)),
            closed_until: now,
        }))
    }

    /// Waits until a request of about so many tokens may go.
    pub(crate) async fn admit(&self, tokens: u64) {
        let wait = self.lock().take(Instant::now(), tokens as f64);
        if !wait.is_zero() {
            sleep(wait).await;
        }
        loop {
            let closed_until = self.lock().closed_until;
            if closed_until <= Instant::now() {
                return;
            }
            sleep_until(closed_until).await;
        }
    }

    /// Corrects the estimate that a request was let in with.
    pub(crate) fn settle(&self, estimated: u64, used: u64) {
        if let Some(bucket) = &mut self.lock().tokens {
            bucket.put_back(estimated as f64 - used as f64);
        }
    }

    /// Lets nobody pass for this time.
    pub(crate) fn close(&self, time: Duration) {
        let mut state = self.lock();
        state.closed_until = state.closed_until.max(Instant::now() + time);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, now: Instant, tokens: f64) -> Duration {
        let requests = self.requests.as_mut().map(|bucket| bucket.take(now, 1.0));
        let tokens = self.tokens.as_mut().map(|bucket| bucket.take(now, tokens));
        requests.unwrap_or_default().max(tokens.unwrap_or_default())
    }
}

/// May go below zero: who takes more than is there waits until the debt is filled.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    most: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    fn full(per_second: f64, now: Instant) -> Self {
        let most = (per_second * BURST_SECONDS).max(1.0);
        Self { per_second, most, level: most, filled: now }
    }

    fn take(&mut self, now: Instant, amount: f64) -> Duration {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = (self.level + passed * self.per_second).min(self.most);
        self.filled = now;
        self.level -= amount;
        // Rates are at least one a minute, and amounts those of requests: this is a time.
        Duration::try_from_secs_f64((-self.level).max(0.0) / self.per_second).unwrap_or(Duration::MAX)
    }

    fn put_back(&mut self, amount: f64) {
        self.level = (self.level + amount).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests: Option<u32>, tokens: Option<u64>) -> Limiter {
        Limiter::new(RateLimits { requests_per_minute: requests, tokens_per_minute: tokens })
    }

    /// Seconds at which each of these requests was let in.
    async fn seconds(limiter: &Limiter, tokens: &[u64]) -> Vec<u64> {
        let start = Instant::now();
        let mut passed = Vec::new();
        for count in tokens {
            limiter.admit(*count).await;
            passed.push(start.elapsed().as_secs_f64().round() as u64);
        }
        passed
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_nobody_waits() {
        assert_eq!(seconds(&limiter(None, None), &[1_000_000; 5]).await, [0; 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_pass_at_their_rate_after_a_burst() {
        assert_eq!(seconds(&limiter(Some(12), None), &[0; 5]).await, [0, 0, 5, 10, 15]);
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_pass_at_their_rate_and_a_large_request_waits_for_all_of_its_own() {
        assert_eq!(seconds(&limiter(None, Some(600)), &[100, 50, 200]).await, [0, 5, 25]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_is_given_back() {
        let limiter = limiter(None, Some(600));
        assert_eq!(seconds(&limiter, &[100]).await, [0]);
        limiter.settle(100, 20);
        assert_eq!(seconds(&limiter, &[80, 10]).await, [0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_door_holds_everybody() {
        let limiter = limiter(None, None);
        limiter.close(Duration::from_secs(3));
        limiter.close(Duration::from_secs(1));
        assert_eq!(seconds(&limiter, &[1, 1]).await, [3, 3]);
    }
}

//! When to stop a job that nobody cancelled: it hangs, or its reservation is used up. Pure: time is
//! given, in durations since the start.

use std::collections::VecDeque;
use std::time::Duration;

use empiric_schema::budget::{Resource, Spend};
use empiric_schema::job::Usage;

/// Steps that the median looks back on.
const REMEMBERED: usize = 101;

/// When silence means that a job hangs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Patience {
    /// Silence that is always allowed.
    pub(super) floor: Duration,
    /// Silence allowed in steps of median length.
    pub(super) steps: f64,
    /// Silence allowed before the first line of progress, when weights are loaded.
    pub(super) start: Duration,
}

/// Watches for silence.
#[derive(Debug)]
pub(super) struct Watchdog {
    patience: Patience,
    last: Option<Duration>,
    gaps: VecDeque<Duration>,
}

impl Watchdog {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, last: None, gaps: VecDeque::new() }
    }

    /// Takes note of `lines` new lines of progress, seen together.
    pub(super) fn heard(&mut self, now: Duration, lines: u32) {
        if lines == 0 {
            return;
        }
        if let Some(last) = self.last {
            self.gaps.push_back(now.saturating_sub(last) / lines);
            if self.gaps.len() > REMEMBERED {
                self.gaps.pop_front();
            }
        }
        self.last = Some(now);
    }

    /// Whether the silence has lasted too long.
    pub(super) fn is_hung(&self, now: Duration) -> bool {
        match self.last {
            None => now > self.patience.start,
            Some(last) => now.saturating_sub(last) > self.allowed(),
        }
    }

    fn allowed(&self) -> Duration {
        let mut gaps: Vec<Duration> = self.gaps.iter().copied().collect();
        gaps.sort_unstable();
        let median = gaps.get(gaps.len() / 2).copied().unwrap_or_default();
        self.patience.floor.max(median.mul_f64(self.patience.steps))
    }
}

/// The resource of a reservation that is used up, if one is. A zero reserves without limit.
pub(super) fn used_up(reserve: &Spend, usage: &Usage, elapsed: Duration) -> Option<Resource> {
    let seconds = usage.seconds.max(elapsed.as_secs_f64());
    let tokens = usage.prompt_tokens.saturating_add(usage.completion_tokens);
    if reserve.device_seconds > 0.0 && seconds > reserve.device_seconds {
        return Some(Resource::DeviceSeconds);
    }
    if reserve.tokens > 0 && tokens > reserve.tokens {
        return Some(Resource::Tokens);
    }
    (reserve.usd > 0.0 && usage.dollars > reserve.usd).then_some(Resource::Usd)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { floor: Duration::from_secs(10), steps: 20.0, start: Duration::from_secs(60) };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_before_the_first_line_is_loading() {
        let watchdog = Watchdog::new(PATIENCE);
        assert!(!watchdog.is_hung(at(60)));
        assert!(watchdog.is_hung(at(61)));
    }

    #[test]
    fn slow_steps_earn_more_patience_than_the_floor() {
        let mut watchdog = Watchdog::new(PATIENCE);
        for second in [2, 4, 6, 8] {
            watchdog.heard(at(second), 1);
        }
        assert!(!watchdog.is_hung(at(48)), "20 steps of 2 seconds");
        assert!(watchdog.is_hung(at(49)));
    }

    #[test]
    fn quick_steps_never_go_below_the_floor_and_no_news_is_no_line() {
        let mut watchdog = Watchdog::new(PATIENCE);
        watchdog.heard(at(1), 1);
        watchdog.heard(at(2), 100);
        watchdog.heard(at(11), 0);
        assert!(!watchdog.is_hung(at(12)));
        assert!(watchdog.is_hung(at(13)));
    }

    #[test]
    fn a_reservation_ends_work_and_zero_reserves_without_limit() {
        let usage =
            Usage { prompt_tokens: 90, completion_tokens: 11, seconds: 5.0, peak_memory: 0, dollars: 0.3 };
        let limit = |device_seconds, tokens| Spend { device_seconds, tokens, usd: 0.0 };
        assert_eq!(used_up(&limit(0.0, 0), &usage, at(900)), None);
        assert_eq!(used_up(&limit(0.0, 101), &usage, at(1)), None);
        assert_eq!(used_up(&limit(0.0, 100), &usage, at(1)), Some(Resource::Tokens));
        assert_eq!(used_up(&limit(4.0, 0), &usage, at(1)), Some(Resource::DeviceSeconds));
        assert_eq!(used_up(&limit(6.0, 0), &usage, at(7)), Some(Resource::DeviceSeconds));
        let dollars = |usd| Spend { usd, ..Spend::default() };
        assert_eq!(used_up(&dollars(0.3), &usage, at(1)), None);
        assert_eq!(used_up(&dollars(0.29), &usage, at(1)), Some(Resource::Usd));
    }
}

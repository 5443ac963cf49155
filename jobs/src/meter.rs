//! What the process has used so far.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use empiric_schema::job::Usage;
use empiric_schema::spec::Price;

use crate::model::Totals;

/// Counts from the start of the job. Shared with the thread that answers signals.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    counts: Mutex<Counts>,
}

/// What the model that is asked now has used, and what those before it did.
#[derive(Debug, Default)]
struct Counts {
    totals: Totals,
    /// Of the endpoint that the job asks now.
    price: Option<Price>,
    earlier: Totals,
    earlier_dollars: f64,
}

impl Counts {
    fn dollars(&self, totals: Totals) -> f64 {
        let now = self.price.map_or(0.0, |price| price.of(totals.prompt_tokens, totals.completion_tokens));
        self.earlier_dollars + now
    }

    fn with_earlier(&self, totals: Totals) -> Totals {
        Totals {
            prompt_tokens: self.earlier.prompt_tokens + totals.prompt_tokens,
            completion_tokens: self.earlier.completion_tokens + totals.completion_tokens,
        }
    }
}

impl Meter {
    /// Starts the clock.
    pub fn start() -> Self {
        Self { started: Instant::now(), counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the tokens used so far, or since the last [`Self::begin`].
    pub fn set_tokens(&self, totals: Totals) {
        self.counts().totals = totals;
    }

    /// Settles what was used so far. Tokens are counted from nothing again, and billed by this price.
    pub fn begin(&self, price: Option<Price>) {
        let mut counts = self.counts();
        let totals = std::mem::take(&mut counts.totals);
        counts.earlier_dollars = counts.dollars(totals);
        counts.earlier = counts.with_earlier(totals);
        counts.price = price;
    }

    /// What is used in all, if this was used since the last [`Self::begin`].
    pub fn with_earlier(&self, totals: Totals) -> Totals {
        self.counts().with_earlier(totals)
    }

    /// What everything cost in dollars, if this was used since the last [`Self::begin`]; nothing without a
    /// price.
    pub fn dollars(&self, totals: Totals) -> f64 {
        self.counts().dollars(totals)
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Everything so far.
    pub fn usage(&self) -> Usage {
        let counts = self.counts();
        let all = counts.with_earlier(counts.totals);
        Usage {
            prompt_tokens: all.prompt_tokens,
            completion_tokens: all.completion_tokens,
            seconds: self.seconds(),
            peak_memory: peak_memory().unwrap_or(0),
            dollars: counts.dollars(counts.totals),
        }
    }
}

/// Lets the largest resident set begin again at the present one, for the next job of a process
/// (proc_pid_clear_refs(5)).
///
/// # Errors
/// The system does not allow it: peaks are then those of the process.
pub(crate) fn forget_peak() -> std::io::Result<()> {
    std::fs::write("/proc/self/clear_refs", "5")
}

/// The largest resident set in bytes, as Linux counts it; nothing elsewhere.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_job_is_billed_by_its_own_price() {
        let used = |prompt_tokens| Totals { prompt_tokens, completion_tokens: 0 };
        let meter = Meter::start();
        meter.set_tokens(used(1_000_000));
        meter.begin(Some(Price { input: 2.0, output: 0.0 }));
        meter.set_tokens(used(500_000));
        assert_eq!((meter.usage().prompt_tokens, meter.usage().dollars), (1_500_000, 1.0));
        meter.begin(None);
        assert_eq!((meter.with_earlier(used(5)), meter.dollars(used(5))), (used(1_500_005), 1.0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_is_plausible() {
        let bytes = peak_memory().unwrap();
        assert!(bytes > 1 << 20, "{bytes}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_of_an_earlier_job_is_forgotten() {
        let size = 512 << 20;
        drop(std::hint::black_box(vec![1_u8; size]));
        assert!(peak_memory().unwrap() > size as u64);
        forget_peak().unwrap();
        assert!(peak_memory().unwrap() < size as u64);
    }
}

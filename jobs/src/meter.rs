//! What the process has used so far.

use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use empiric_schema::job::Usage;
use empiric_schema::spec::Price;

use crate::model::Totals;

/// Counts from the start of the job. Shared with the thread that answers signals.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    totals: Mutex<Totals>,
    /// Of the endpoint that the job asks.
    price: OnceLock<Price>,
}

impl Meter {
    /// Starts the clock.
    pub fn start() -> Self {
        Self { started: Instant::now(), totals: Mutex::new(Totals::default()), price: OnceLock::new() }
    }

    /// Sets the tokens used so far.
    pub fn set_tokens(&self, totals: Totals) {
        *self.totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = totals;
    }

    /// Bills tokens by this price from now on; a later price changes nothing.
    pub fn bill_by(&self, price: Price) {
        self.price.get_or_init(|| price);
    }

    /// What so many tokens cost in dollars; nothing without a price.
    pub fn dollars(&self, totals: Totals) -> f64 {
        self.price.get().map_or(0.0, |price| price.of(totals.prompt_tokens, totals.completion_tokens))
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Everything so far.
    pub fn usage(&self) -> Usage {
        let totals = *self.totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Usage {
            prompt_tokens: totals.prompt_tokens,
            completion_tokens: totals.completion_tokens,
            seconds: self.seconds(),
            peak_memory: peak_memory().unwrap_or(0),
            dollars: self.dollars(totals),
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

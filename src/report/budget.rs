//! Spend against budget, in words and shares, for the report and for the live view alike.

use empiric_schema::budget::Limits;
use empiric_schema::view::RunView;

use super::words;

/// One limit and what was spent of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gauge {
    /// What is spent, such as `time`.
    pub name: &'static str,
    /// `3 min 12 s of 30 min 00 s`.
    pub figures: String,
    /// Spent over limit; `None` where there is no limit.
    pub share: Option<f64>,
    /// Share at which the view warns.
    pub warn_at: f64,
}

impl Gauge {
    /// Whether so much is spent that a person should know.
    pub(crate) fn warns(&self) -> bool {
        self.share.is_some_and(|share| share >= self.warn_at)
    }
}

/// What was spent of each thing up to `now` (Unix seconds); things without a limit and without spend are left out.
pub(crate) fn gauges(view: &RunView, now: f64) -> Vec<Gauge> {
    let Limits { wall_clock_seconds, device_seconds, tokens, usd, warn_at } = view.limits;
    let time = now - view.started;
    let spend = view.spend;
    let as_count = |amount: f64| words::count(amount as u64);
    let rows = [
        gauge("time", time, wall_clock_seconds, warn_at, words::duration),
        gauge("device time", spend.device_seconds, device_seconds, warn_at, words::duration),
        gauge("tokens", spend.tokens as f64, tokens.map(|t| t as f64), warn_at, as_count),
        gauge("dollars", spend.usd, usd, warn_at, words::dollars),
    ];
    rows.into_iter().flatten().collect()
}

fn gauge(
    name: &'static str,
    spent: f64,
    limit: Option<f64>,
    warn_at: f64,
    words: impl Fn(f64) -> String,
) -> Option<Gauge> {
    if limit.is_none() && spent <= 0.0 {
        return None;
    }
    let figures = match limit {
        Some(limit) => format!("{} of {}", words(spent), words(limit)),
        None => format!("{}, no limit", words(spent)),
    };
    Some(Gauge { name, figures, share: limit.filter(|l| *l > 0.0).map(|l| spent / l), warn_at })
}

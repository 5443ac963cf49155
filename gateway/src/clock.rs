//! The time of rows and limits.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of a day.
pub(crate) const DAY: f64 = 86_400.0;

/// Unix seconds now.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A time for people: `2026-03-28 14:05 UTC`.
pub(crate) fn words(at: f64) -> String {
    match chrono::DateTime::from_timestamp(at as i64, 0) {
        Some(time) => time.format("%Y-%m-%d %H:%M UTC").to_string(),
        None => "unknown".to_owned(),
    }
}

/// How long ago something was, in one unit: `12 s`, `5 min`, `3 h`, `4 d`.
pub(crate) fn span(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    match seconds {
        s if s < 60.0 => format!("{s:.0} s"),
        s if s < 3600.0 => format!("{:.0} min", s / 60.0),
        s if s < 2.0 * DAY => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        assert_eq!(words(0.0), "1970-01-01 00:00 UTC");
        assert_eq!([12.0, 300.0, 7200.0, 4.0 * DAY].map(span), ["12 s", "5 min", "2 h", "4 d"]);
    }
}

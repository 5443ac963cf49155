//! `<<2026-03-28 + 14 days>>`, `<<2026-03-28 - 2026-03-01>>`, `<<weekday 2026-03-28>>`.
//!
//! There is no today: an answer must be the same tomorrow.

use chrono::{Datelike as _, Days, Months, NaiveDate};

use super::error::CallError;

const FORMS: &str = "`2026-03-28 + 14 days`, `2026-03-28 - 2026-03-01` or `weekday 2026-03-28`";
/// Length of a date's text.
const DATE_BYTES: usize = 10;

/// Whether a call is about dates.
pub(super) fn is_date_call(call: &str) -> bool {
    leading_date(call).is_some() || strip_word(call, "weekday").is_some()
}

/// The day that a reckoning leads to, the days between two dates, or the name of a day.
pub(super) fn calculate(call: &str) -> Result<String, CallError> {
    if let Some(rest) = strip_word(call, "weekday") {
        let (date, after) = leading_date(rest).ok_or_else(|| wrong(call))?;
        return if after.is_empty() { Ok(weekday(date).to_owned()) } else { Err(wrong(call)) };
    }
    let (date, rest) = leading_date(call).ok_or_else(|| wrong(call))?;
    let sign = rest.chars().next().ok_or_else(|| wrong(call))?;
    let operand = rest[sign.len_utf8()..].trim();
    match (sign, leading_date(operand)) {
        ('-' | '−', Some((other, ""))) => Ok((date - other).num_days().to_string()),
        ('+' | '-' | '−', None) => moved(date, sign == '+', operand).ok_or_else(|| wrong(call)),
        _ => Err(wrong(call)),
    }
}

fn wrong(call: &str) -> CallError {
    CallError::Date { call: call.trim().to_owned(), expected: FORMS }
}

fn strip_word<'a>(call: &'a str, word: &str) -> Option<&'a str> {
    let call = call.trim_start();
    let (first, rest) = call.split_once(char::is_whitespace)?;
    first.eq_ignore_ascii_case(word).then_some(rest)
}

/// The date at the beginning of a text, and what follows it.
fn leading_date(text: &str) -> Option<(NaiveDate, &str)> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(DATE_BYTES)?;
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    Some((date, rest.trim_start()))
}

/// The date moved by `14 days` and the like. Months and years keep the day where the month has it, and end at
/// its last day where it has not.
fn moved(date: NaiveDate, forward: bool, amount: &str) -> Option<String> {
    let (count, unit) = amount.split_once(char::is_whitespace)?;
    let count: u32 = count.parse().ok()?;
    let unit = unit.trim().to_lowercase();
    let days = |days: u64| match forward {
        true => date.checked_add_days(Days::new(days)),
        false => date.checked_sub_days(Days::new(days)),
    };
    let months = |months: u32| match forward {
        true => date.checked_add_months(Months::new(months)),
        false => date.checked_sub_months(Months::new(months)),
    };
    let date = match unit.trim_end_matches('s') {
        "day" => days(count.into()),
        "week" => days(u64::from(count) * 7),
        "month" => months(count),
        "year" => months(count.checked_mul(12)?),
        _ => None,
    };
    date.map(|date| date.to_string())
}

fn weekday(date: NaiveDate) -> &'static str {
    const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    NAMES[date.weekday().num_days_from_monday() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_by_the_calendar() {
        let check = |call: &str, expected: &str| {
            assert!(is_date_call(call), "{call}");
            assert_eq!(calculate(call).unwrap(), expected, "{call}");
        };
        check("2026-03-28 + 14 days", "2026-04-11");
        check("2026-03-28+1 day", "2026-03-29");
        check("2024-02-28 + 1 day", "2024-02-29");
        check("2026-03-28 - 4 weeks", "2026-02-28");
        check("2026-01-31 + 1 month", "2026-02-28");
        check("2024-02-29 + 1 year", "2025-02-28");
        check("2026-03-31 - 1 months", "2026-02-28");
        check("2026-03-28 - 2026-03-01", "27");
        check("2026-03-01 − 2026-03-28", "-27");
        check("weekday 2026-03-28", "Saturday");
        check("Weekday 1970-01-01", "Thursday");
        check(" weekday  2000-02-29 ", "Tuesday");
    }

    #[test]
    fn what_is_no_reckoning_of_dates_is_refused_with_the_forms() {
        let wrong = [
            "2026-03-28",
            "2026-03-28 + days",
            "2026-03-28 + 14 moons",
            "2026-03-28 + 2026-03-01",
            "2026-03-28 * 2",
            "2026-03-28 + 99999999 days",
            "2026-03-28 + 4294967295 years",
            "weekday 2026-02-30",
            "weekday 2026-03-28 or so",
        ];
        for call in wrong {
            assert!(is_date_call(call), "{call}");
            assert!(calculate(call).unwrap_err().to_string().contains("weekday 2026-03-28"), "{call}");
        }
        for other in ["2026 - 3 - 28", "6 * 35", "weekdays", "£12345678901", "weekday"] {
            assert!(!is_date_call(other), "{other}");
        }
    }
}

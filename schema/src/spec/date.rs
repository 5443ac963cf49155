//! Days of the calendar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A day of the Gregorian calendar, written `2027-03-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CalendarDate {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that names no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day such as `2027-03-31`")]
pub struct DateError(String);

impl CalendarDate {
    /// Unix seconds of the day's beginning in UTC.
    pub fn unix(self) -> f64 {
        self.days() as f64 * 86_400.0
    }

    /// Days since 1970-01-01, by the method of "days from civil" (Hinnant 2013): years begin in March, so that the
    /// day that may be missing is the last one.
    fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
    }

    fn is_real(self) -> bool {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let last = match self.month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        (1..=last).contains(&self.day)
    }
}

impl FromStr for CalendarDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let wrong = || DateError(text.to_owned());
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return Err(wrong()) };
        let is_written_out = (year.len(), month.len(), day.len()) == (4, 2, 2);
        let digits = parts.iter().all(|part| part.chars().all(|c| c.is_ascii_digit()));
        let (Ok(year), Ok(month), Ok(day)) = (year.parse(), month.parse(), day.parse()) else {
            return Err(wrong());
        };
        let date = Self { year, month, day };
        if is_written_out && digits && date.is_real() { Ok(date) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for CalendarDate {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, DateError> {
        text.parse()
    }
}

impl From<CalendarDate> for String {
    fn from(date: CalendarDate) -> Self {
        date.to_string()
    }
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_beginning_of_1970() {
        for (text, days) in
            [("1970-01-01", 0), ("1970-12-31", 364), ("2000-02-29", 11_016), ("2027-03-31", 20_908)]
        {
            let date: CalendarDate = text.parse().unwrap();
            assert_eq!((date.days(), date.to_string()), (days, text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "2027-02-29",
            "2100-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-1-1",
            "soon",
            "2027-04-31",
            "+027-01-01",
        ] {
            assert!(text.parse::<CalendarDate>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<CalendarDate>("\"2027-02-30\"").is_err());
    }
}

//! `number`: the last number in the answer is the value, within the tolerance.
//!
//! A number may have a sign, a currency before it, commas between thousands, and a percent sign after it,
//! which is not counted: `45 %` is 45.

use std::sync::LazyLock;

use ::regex::Regex;

use super::Check;
use super::placeholder::any_of;

/// Added to the tolerance, so that 0.3 is within 0.1 of 0.2.
const ROUNDING: f64 = 1e-9;

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // A minus counts as a sign only where it cannot be a dash between numbers or words.
    Regex::new(r"(?:^|[^\w.,])([-−]?)[£$€]?([-−]?)(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)|(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)").ok()
});

pub(super) fn check(answer: &str, values: &[String], tolerance: f64) -> Check {
    let Some(found) = last(answer) else {
        return Err(format!("there is no number in the answer; expected {}", any_of(values)));
    };
    let fits =
        |value: &String| last(value).is_some_and(|value| (value - found).abs() <= tolerance + ROUNDING);
    match values.iter().any(fits) {
        true => Ok(()),
        false => Err(format!("the answer's last number is {found}; expected {}", any_of(values))),
    }
}

/// The last number in a text.
pub(super) fn last(text: &str) -> Option<f64> {
    let captures = NUMBER.as_ref()?.captures_iter(text).last()?;
    let digits = captures.get(3).or(captures.get(4))?.as_str().replace(',', "");
    let negative = [1, 2].iter().any(|group| captures.get(*group).is_some_and(|sign| !sign.is_empty()));
    let number: f64 = digits.parse().ok()?;
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(last(text), expected, "{text}");
        check("£43.50", Some(43.5));
        check("It costs £1,250.00.", Some(1250.0));
        check("43.5", Some(43.5));
        check("-5 degrees", Some(-5.0));
        check("-£5", Some(-5.0));
        check("£-5", Some(-5.0));
        check("−7", Some(-7.0));
        check("45%", Some(45.0));
        check("(12)", Some(12.0));
        check("from 10-12", Some(12.0));
        check("2 nights, 3 guests", Some(3.0));
        check("1,2", Some(2.0));
        check("room 12a", Some(12.0));
        check("A4", Some(4.0));
        check(".5 litres", Some(0.5));
        check("the end of line 7.", Some(7.0));
        check("no number", None);
        check("", None);
    }
}

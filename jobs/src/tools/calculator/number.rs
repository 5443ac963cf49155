//! Numbers as people write them.

use super::CalculationError;
use super::fraction::Fraction;

/// More digits than this are no number of a question.
const MOST_DIGITS: usize = 24;

/// A number with the decimals that it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) value: Fraction,
    pub(crate) decimals: usize,
}

impl Number {
    /// Reads `102.50`, `.5` or `1,860`.
    pub(super) fn parse(text: &str) -> Result<Self, CalculationError> {
        let unexpected = || CalculationError::Unexpected(text.to_owned());
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(unexpected()),
            Some((whole, decimals)) => (whole, decimals),
            None => (text, ""),
        };
        let whole = without_commas(whole).ok_or_else(unexpected)?;
        let digits = whole + decimals;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unexpected());
        }
        if digits.len() > MOST_DIGITS {
            return Err(CalculationError::TooLarge);
        }
        let all: i128 = digits.parse().map_err(|_| unexpected())?;
        let value = Fraction::new(all, 10i128.pow(decimals.len() as u32))?;
        Ok(Self { value, decimals: decimals.len() })
    }
}

/// Commas may only stand between thousands.
fn without_commas(text: &str) -> Option<String> {
    let (first, groups) = text.split_once(',').map_or((text, None), |(first, rest)| (first, Some(rest)));
    let is_group = |group: &str| group.len() == 3;
    match groups {
        None => Some(first.to_owned()),
        Some(rest) if (1..=3).contains(&first.len()) && rest.split(',').all(is_group) => {
            Some(text.replace(',', ""))
        }
        Some(_) => None,
    }
}

/// The numbers of a text with their places, such as that in `about £1,860 a month`.
pub(crate) fn numbers(text: &str) -> Vec<(std::ops::Range<usize>, Fraction)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c: char| c.is_ascii_digit()).map(|start| at + start) {
        let run = text[start..].find(|c: char| !is_part(c)).map_or(text.len(), |end| start + end);
        let end = start + text[start..run].trim_end_matches(['.', ',']).len();
        if let Ok(number) = Number::parse(&text[start..end]) {
            found.push((start..end, number.value));
        }
        at = run;
    }
    found
}

/// Whether a character may stand in a number.
pub(super) fn is_part(c: char) -> bool {
    c.is_ascii_digit() || c == '.' || c == ','
}

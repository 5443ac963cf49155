//! English number words.

use super::token::{Gap, Token, Value};

/// Turns runs of number words, and digits before a magnitude, into numbers: `twenty-five`, `4 thousand`,
/// `one hundred and ten`.
pub(super) fn read(tokens: Vec<Token>) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let (value, taken) = number(&tokens[at..]);
        match taken {
            0 => out.push(tokens[at].clone()),
            _ => out.push(Token { value: Value::Number(value), gap: tokens[at].gap }),
        }
        at += taken.max(1);
    }
    out
}

/// The number at the beginning and how many tokens it takes; none where only one token of digits stands.
fn number(tokens: &[Token]) -> (f64, usize) {
    let (mut total, mut current, mut taken) = (0.0, 0.0, 0);
    let mut last = None;
    for (place, token) in tokens.iter().enumerate() {
        let joined = place == 0 || matches!(token.gap, Gap::Space | Gap::Dash);
        let part = Part::of(&token.value, last).filter(|_| joined);
        match part {
            Some(Part::And) if goes_on(&tokens[place + 1..]) => continue,
            Some(Part::Digits(value) | Part::Small(value) | Part::Tens(value)) => current += value,
            Some(Part::Magnitude(value)) if value < 1000.0 => current = f64::max(current, 1.0) * value,
            Some(Part::Magnitude(value)) => {
                total += f64::max(current, 1.0) * value;
                current = 0.0;
            }
            _ => break,
        }
        last = part;
        taken = place + 1;
    }
    let only_digits = taken == 1 && matches!(last, Some(Part::Digits(_)));
    (total + current, if only_digits { 0 } else { taken })
}

/// Whether a small number follows an `and`, as in `hundred and ten`.
fn goes_on(rest: &[Token]) -> bool {
    let small = |token: &Token| match &token.value {
        Value::Word(word) => small(word).is_some() || tens(word).is_some(),
        _ => false,
    };
    rest.first().is_some_and(small)
}

/// What a word adds to a number, where the part before lets it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Digits(f64),
    Small(f64),
    Tens(f64),
    Magnitude(f64),
    And,
}

impl Part {
    fn of(value: &Value, last: Option<Part>) -> Option<Self> {
        let word = match value {
            Value::Number(number) => return last.is_none().then_some(Self::Digits(*number)),
            Value::Word(word) => word.as_str(),
            Value::Unit(_) => return None,
        };
        if let Some(value) = magnitude(word) {
            return Some(Self::Magnitude(value));
        }
        let after_magnitude = last.is_none_or(|last| matches!(last, Self::Magnitude(_)));
        if word == "and" {
            return (after_magnitude && last.is_some()).then_some(Self::And);
        }
        if let Some(value) = tens(word) {
            return after_magnitude.then_some(Self::Tens(value));
        }
        let value = small(word)?;
        let after_tens = value < 10.0 && matches!(last, Some(Self::Tens(_)));
        (after_magnitude || after_tens).then_some(Self::Small(value))
    }
}

fn small(word: &str) -> Option<f64> {
    const WORDS: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    WORDS.iter().position(|known| *known == word).map(|value| value as f64)
}

fn tens(word: &str) -> Option<f64> {
    const WORDS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    WORDS.iter().position(|known| *known == word).map(|place| (place as f64 + 2.0) * 10.0)
}

fn magnitude(word: &str) -> Option<f64> {
    match word {
        "dozen" => Some(12.0),
        "hundred" => Some(100.0),
        "thousand" => Some(1e3),
        "million" => Some(1e6),
        _ => None,
    }
}

//! Personal data and secrets in questions and answers, replaced before they are logged.
//!
//! Patterns find what has a form: addresses of mail, numbers of telephones, cards and accounts, keys. Names and
//! whatever else has no form of its own stay.

use regex::Regex;
use serde_json::Value;

/// What is put in the place of what was found.
const KINDS: [(&str, &str); 5] = [
    ("[email]", r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"),
    ("[key]", r"\b(?:sk|pk|ghp|gho|xox[bp]|emp|hf|AKIA)[-_]?[A-Za-z0-9_-]{16,}\b"),
    ("[account]", r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){3,7}(?:[ ]?[A-Z0-9]{1,3})?\b"),
    ("[card]", r"\b\d(?:[ -]?\d){12,18}\b"),
    ("[phone]", r"(?:\+|\b00)\d(?:[ ()./-]{0,2}\d){6,13}\b|\b0\d{2,4}[ ./-]\d(?:[ -]?\d){4,8}\b"),
];

/// Replaces what patterns find.
#[derive(Debug)]
pub(crate) struct Redactor {
    patterns: Vec<(&'static str, Regex)>,
}

impl Redactor {
    /// A redactor that replaces nothing if it is switched off.
    pub(crate) fn new(is_on: bool) -> Self {
        let kinds = KINDS.iter().filter(|_| is_on);
        // The patterns are constants, and a test compiles them all.
        let compiled = kinds.filter_map(|(mark, pattern)| Some((*mark, Regex::new(pattern).ok()?)));
        Self { patterns: compiled.collect() }
    }

    /// The text, and whether anything in it was replaced.
    pub(crate) fn text(&self, text: &str) -> (String, bool) {
        let mut clean = text.to_owned();
        for (mark, pattern) in &self.patterns {
            let replaced = pattern.replace_all(&clean, |found: &regex::Captures<'_>| match *mark {
                "[card]" if !is_card(&found[0]) => found[0].to_owned(),
                mark => mark.to_owned(),
            });
            clean = replaced.into_owned();
        }
        let is_changed = clean != text;
        (clean, is_changed)
    }

    /// The same for all texts in a JSON value.
    pub(crate) fn json(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => {
                let (clean, is_changed) = self.text(text);
                *text = clean;
                is_changed
            }
            Value::Array(values) => values.iter_mut().fold(false, |any, value| self.json(value) | any),
            Value::Object(map) => map.values_mut().fold(false, |any, value| self.json(value) | any),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

/// Luhn's check: 13 digits in a row are seldom a card.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().rev().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |(place, digit): (usize, &u32)| match place % 2 {
        0 => *digit,
        _ => (digit * 2) / 10 + (digit * 2) % 10,
    };
    digits.iter().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(Redactor::new(true).patterns.len(), KINDS.len());
    }

    #[test]
    fn what_has_a_form_is_replaced() {
        let redactor = Redactor::new(true);
        for (text, expected) in [
            ("write to ada.l+x@mail.example.org now", "write to [email] now"),
            ("card 4111 1111 1111 1111, please", "card [card], please"),
            ("IBAN GB82 WEST 1234 5698 7654 32", "IBAN [account]"),
            ("call +44 20 7946 0958 or 020 79460958", "call [phone] or [phone]"),
            ("my key is sk-abcdefghijklmnopqrstuv", "my key is [key]"),
        ] {
            assert_eq!(redactor.text(text), (expected.to_owned(), true));
        }
    }

    #[test]
    fn plain_texts_stay() {
        let redactor = Redactor::new(true);
        for text in
            ["The fee is 12 euros.", "order 1234567890123", "on 2026-03-28 at 14:05", "room 204", "a@b"]
        {
            assert_eq!(redactor.text(text), (text.to_owned(), false));
        }
    }

    #[test]
    fn texts_inside_json_are_replaced_and_nothing_when_switched_off() {
        let mut value = serde_json::json!({"messages": [{"content": "I am x@y.example"}], "n": 1});
        assert!(!Redactor::new(false).json(&mut value));
        assert!(Redactor::new(true).json(&mut value));
        assert_eq!(value["messages"][0]["content"], "I am [email]");
    }
}

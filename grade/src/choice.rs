//! `choice`: the answer names the value and no other of the choices.

use super::Check;
use super::placeholder::any_of;

pub(super) fn check(answer: &str, values: &[String], choices: &[String]) -> Check {
    let named = named(answer, choices);
    match named.as_slice() {
        [] => Err(format!("the answer names none of the choices; expected {}", any_of(values))),
        [one] if values.iter().any(|value| is_same(value, one)) => Ok(()),
        [one] => Err(format!("the answer chose `{one}`; expected {}", any_of(values))),
        several => Err(format!("the answer names several choices: {several:?}")),
    }
}

/// The place of the only choice that an answer names; nothing where it names none or several.
pub fn named_choice(answer: &str, choices: &[String]) -> Option<usize> {
    match named(answer, choices).as_slice() {
        [one] => choices.iter().position(|choice| is_same(choice, one)),
        _ => None,
    }
}

pub(super) fn is_same(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

/// The choices that stand in the answer as whole words, each once. Longer ones are found first and taken
/// out, so that `not spam` is not also `spam`.
fn named<'a>(answer: &str, choices: &'a [String]) -> Vec<&'a str> {
    let mut rest = answer.to_lowercase();
    let mut by_length: Vec<&str> =
        choices.iter().map(|choice| choice.trim()).filter(|choice| !choice.is_empty()).collect();
    by_length.sort_by_key(|choice| std::cmp::Reverse(choice.len()));
    let mut named = Vec::new();
    for choice in by_length {
        let wanted = choice.to_lowercase();
        let mut found = false;
        while let Some(at) = whole_word(&rest, &wanted) {
            rest.replace_range(at..at + wanted.len(), "\u{0}");
            found = true;
        }
        if found {
            named.push(choice);
        }
    }
    named
}

fn whole_word(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let ends = |at: usize| {
        is_part(text[..at].chars().next_back()) || is_part(text[at + word.len()..].chars().next())
    };
    text.match_indices(word).map(|(at, _)| at).find(|at| !ends(*at))
}
